"""While machine code is made, progress says so and nothing else."""

from contextlib import ExitStack

from tradewind.cli.compiling import load_in_turn
from tradewind.config import files, lock, lock_holder
from tradewind.research import compiling as keeping
from tradewind.research import simulate
from tradewind.research.compiling import engine_title, waiting_title
from tradewind.testing.desks import backtest_of
from tradewind.units import jit

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


def test_what_starts_while_another_process_compiles_loads_what_that_one_made(tmp_path, monkeypatch):
    titles, other = [], ExitStack()
    monkeypatch.setattr(jit, "cache_dir", lambda: tmp_path)
    monkeypatch.setattr(keeping, "cache_dir", lambda: tmp_path)
    other.enter_context(lock(tmp_path / ".compiling.lock", "compiles the engine"))

    def compiled(_: float) -> None:
        (tmp_path / "some.driver-14.py311.nbi").touch()
        other.close()

    monkeypatch.setattr(files.time, "sleep", compiled)
    for _ in range(2):
        load_in_turn(lambda done, total, title="": titles.append(title), {"some.driver": "json"})
    assert titles == ["waiting for another process that compiles the engine", LOADING, "", LOADING, ""]
    assert lock_holder(tmp_path / ".compiling.lock") is None


def test_where_no_lock_can_lie_the_engine_is_loaded_all_the_same(tmp_path, monkeypatch):
    (tmp_path / ".compiling.lock").mkdir()
    monkeypatch.setattr(jit, "cache_dir", lambda: tmp_path)
    monkeypatch.setattr(keeping, "cache_dir", lambda: tmp_path)
    titles = []
    load_in_turn(lambda done, total, title="": titles.append(title), {"some.driver": "json"})
    assert titles[1:] == [COMPILING, ""]
