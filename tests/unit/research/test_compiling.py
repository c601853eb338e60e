"""While machine code is made, progress says so and nothing else."""

from tradewind.research import simulate
from tradewind.research.compiling import engine_title, waiting_title
from tradewind.testing.desks import backtest_of

COMPILING = "compiling the engine, once on this machine: a minute or two"
LOADING = "loading the engine"


def test_the_compiler_has_a_step_of_its_own_between_the_history_and_the_run(spec, desk):
    titles = []
    simulate(
        backtest_of(spec, "ema_cross"), desk, lambda done, total, title: titles.append((total > 0, title))
    )
    order = [title for _, title in dict.fromkeys(titles)]
    assert order[:2] == ["preparing the strategy", "reading the history"]
    assert order[2] in {COMPILING, LOADING}
    assert order[3] == "running"


def test_an_engine_is_compiled_where_its_own_driver_is_not_kept(spec, desk, tmp_path):
    """One instrument has a driver of its own, so that either shape may still be missing."""
    one = simulate(backtest_of(spec, "ema_cross", market={"symbols": ["BTCUSDT"]}), desk).world
    two = simulate(backtest_of(spec, "ema_cross"), desk).world
    assert engine_title(one) == engine_title(two) == LOADING
    assert engine_title(one, tmp_path) == engine_title(two, tmp_path) == COMPILING
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "run.run-14.py311.nbi").touch()
    assert (engine_title(one, tmp_path), engine_title(two, tmp_path)) == (COMPILING, LOADING)


def test_of_several_drivers_each_must_be_kept(tmp_path):
    for name in ("step.step", "kernel.take_bar"):
        assert waiting_title("step.step", "kernel.take_bar", cache=tmp_path) == COMPILING
        (tmp_path / f"{name}-14.py311.nbi").touch()
    assert waiting_title("step.step", "kernel.take_bar", cache=tmp_path) == LOADING
