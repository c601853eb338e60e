"""Real candles: every bar series backtests with its accepted defects written in its file; strategies on the majors."""

from dataclasses import dataclass

import numpy as np
import pytest
import tomlkit

from tradewind.config import Workspace, load_backtest
from tradewind.errors import TradewindError
from tradewind.market import ImportRequest, Store, import_file, resolve_instrument
from tradewind.research import run_backtest, simulate, verify_run
from tradewind.research.attribution import attribute
from tradewind.units.time import format_interval, format_utc, parse_interval, parse_utc

pytestmark = pytest.mark.real_data

NOW_NS = parse_utc("2026-08-10")
CHOICES = {
    **{"gaps": "fill", "outliers": "accept", "flat": "accept", "zero_volume": "accept"},
    **{"mark_missing": "fill", "funding_missing": "accept", "off_tick": "accept"},
}
MAJORS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
ALONE = ("buy_and_hold", "ema_cross", "donchian_breakout", "mean_reversion", "dca_grid")


@dataclass(frozen=True)
class Desk:
    """A workspace with everything that imports, and what its store holds."""

    workspace: Workspace
    store: Store

    def has_funding(self, venue, symbol):
        return any(
            (i.key.venue, i.key.symbol, i.key.kind) == (venue, symbol, "funding") for i in self.store.list()
        )

    def span(self, venue, symbol, interval_ns):
        """Return the bars of a series, a perpetual's over the time for which its funding is known."""
        found = {i.key.kind: i for i in self.store.list() if (i.key.venue, i.key.symbol) == (venue, symbol)
                 and i.key.interval_ns in (0, interval_ns)}  # fmt: skip
        bars, funding = found["bars"], found.get("funding")
        first_ns, end_ns = bars.first_ns, bars.last_ns + interval_ns
        if funding is not None:
            settled_ns = (
                funding.first_ns // interval_ns * interval_ns,
                funding.last_ns // interval_ns * interval_ns,
            )
            first_ns, end_ns = max(first_ns, settled_ns[0]), min(end_ns, settled_ns[1] + interval_ns)
        return first_ns, end_ns

    def file(self, strategy, instruments, interval_ns, **tables):
        """Write a backtest file over the common bars of instruments; return its path."""
        spans = [self.span(*each, interval_ns) for each in instruments]
        venue = instruments[0][0]
        symbols = [symbol if v == venue else f"{v}:{symbol}" for v, symbol in instruments]
        bars = format_interval(interval_ns)
        said = {
            "strategy": strategy,
            "period": {
                "start": format_utc(min(s for s, _ in spans)),
                "end": format_utc(max(e for _, e in spans)),
            },
            "capital": {"amount": 10_000, "currency": resolve_instrument(self.store, *instruments[0]).settle},
            "market": {"venue": venue, "symbols": symbols, "bars": bars},
            "costs": {
                "funding": "history" if any(self.has_funding(*each) for each in instruments) else "none"
            },
        }
        path = self.workspace.backtests / f"{strategy}_{venue}_{symbols[0].replace(':', '_')}_{bars}.toml"
        path.write_text(tomlkit.dumps(said | tables))
        return path


@pytest.fixture(scope="module")
def desk(shared_data, tmp_path_factory):
    workspace = Workspace.create(tmp_path_factory.mktemp("real") / "desk")
    store = Store(workspace.data)
    for path in sorted((shared_data / "market").rglob("*.parquet")):
        if not path.name.startswith(
            "liquidations_1d"
        ):  # daily totals are no bars; refused, as its own test says
            import_file(store, path, ImportRequest(now_ns=NOW_NS))
    return Desk(workspace, store)


def simulate_accepted(desk, path):
    """Run a file; write what its errors ask for under [data], as a person would, until it runs."""
    for _ in range(len(CHOICES) + 1):
        config = load_backtest([path], {}).config
        try:
            return simulate(config, desk.workspace), config
        except TradewindError as error:
            _accept(path, [each.key.removeprefix("data.") for each in (error, *error.also)], error)
    raise AssertionError("accepting every defect did not help")


def _accept(path, kinds, error):
    if not set(kinds) <= set(CHOICES):
        raise error
    said = tomlkit.parse(path.read_text())
    said["data"] = dict(said.get("data", {})) | {kind: CHOICES[kind] for kind in kinds}
    path.write_text(tomlkit.dumps(said))


def check_books(run):
    """What must hold of every run: nothing lost, sources add up, the files would balance."""
    world, driven = run.world, run.driven
    sources = attribute(world, driven)
    parts = sources.price + sources.fees + sources.funding + sources.slippage + sources.liquidation
    assert parts == sources.total
    account = world.accounts[0]
    assert account["balance"] == (
        account["start"] + account["realised"] - account["fees"] - account["funding"] + account["adjusted"]
    )
    assert account["balance"] == world.venue_wallets["balance"][0]
    held = world.venue_instruments["pos_lot"].sum(axis=1) * np.where(
        world.venue_instruments["pos_lot"][:, 1] > 0, -1, 1
    )
    mine = world.contexts["working"]["holding"]["pos_lot"]
    net = np.zeros(len(world.views), np.int64)
    np.add.at(net, world.contexts["instrument"], mine[:, 0] - mine[:, 1])
    assert np.array_equal(net, held)
    for rows in driven.fills:
        assert (rows["qty_lot"] > 0).all()
        assert (rows["price_tick"] > 0).all()


def test_every_bar_series_backtests_with_its_defects_accepted_in_its_file(desk):
    series = [info.key for info in desk.store.list() if info.key.kind == "bars"]
    assert len(series) > 90
    for key in series:
        path = desk.file("ema_cross", [(key.venue, key.symbol)], key.interval_ns)
        run, config = simulate_accepted(desk, path)
        check_books(run)
        assert run.driven.bars_run == run.histories.bars, str(key)
        accepted = {each.kind for each in run.histories.applied}
        written = {name for name, value in config.data.model_dump().items() if value != "refuse"}
        assert accepted == written, f"{key}: accepted {accepted}, the file says {written}"
        fills = sum(len(rows) for rows in run.driven.fills)
        assert fills > 5, f"{key}: {fills} fills"


@pytest.mark.parametrize("strategy", ALONE)
def test_shipped_strategies_run_on_real_bitcoin(desk, strategy):
    for venue, interval in (
        ("binance_usdm", "1h"),
        ("binance_usdm", "5m"),
        ("binance_usdm", "1m"),
        ("binance_spot", "1h"),
    ):
        path = desk.file(strategy, [(venue, "BTCUSDT")], parse_interval(interval))
        run, _ = simulate_accepted(desk, path)
        check_books(run)
        assert sum(len(rows) for rows in run.driven.fills) > 0


def test_a_universe_of_different_ages_is_traded_point_in_time(desk):
    symbols = ("ADAUSDT", "BCHUSDT", "BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT")
    path = desk.file(
        "xs_momentum", [("binance_spot", s) for s in symbols], parse_interval("1h"), params={"holdings": 2}
    )
    run, _ = simulate_accepted(desk, path)
    check_books(run)
    fills = np.concatenate(run.driven.fills)
    for column, history in enumerate(run.histories.each):
        mine = fills[fills["instrument"] == column]
        assert len(mine) > 10
        assert mine["ts_ns"].min() >= history.episodes[0].start_ns


def test_funding_is_collected_on_real_legs(desk):
    legs = [("binance_usdm", "BTCUSDT"), ("binance_spot", "BTCUSDT")]
    path = desk.file("funding_carry", legs, parse_interval("1h"), data={"gaps": "fill"})
    config_text = tomlkit.parse(path.read_text())
    config_text["period"] = {"start": "2024-01-01", "end": "2025-01-01"}
    path.write_text(tomlkit.dumps(config_text))
    run, _ = simulate_accepted(desk, path)
    check_books(run)
    sources = attribute(run.world, run.driven)
    assert sources.funding > 0, "longs paid in that year"
    assert abs(sources.price) < 0.2 * sources.funding, "the price of the coin drops out of a hedge"


def test_a_stored_run_on_real_candles_verifies(desk):
    path = desk.file("ema_cross", [("binance_usdm", "BTCUSDT")], parse_interval("5m"))
    _, config = simulate_accepted(desk, path)
    run = run_backtest(config, desk.workspace)
    assert not [check for check in run.checks if check.verdict == "fail"]
    assert verify_run(run.run_dir, desk.workspace).is_same


def assert_runs_and_verifies(desk, path):
    """Run a file twice and audit it: the books add up, both decide the same, and the stored one verifies."""
    run, config = simulate_accepted(desk, path)
    check_books(run)
    stored = run_backtest(config, desk.workspace)
    assert stored.hashes["decisions"] == run.hashes["decisions"]
    assert verify_run(stored.run_dir, desk.workspace).is_same


@pytest.mark.soak
@pytest.mark.parametrize("strategy", ALONE)
@pytest.mark.parametrize("symbol", MAJORS)
@pytest.mark.parametrize("venue", ["binance_usdm", "binance_spot"])
def test_shipped_strategies_run_and_verify_on_all_majors(desk, strategy, symbol, venue):
    for interval_ns in desk.store.intervals(venue, symbol):
        assert_runs_and_verifies(desk, desk.file(strategy, [(venue, symbol)], interval_ns))


@pytest.mark.soak
@pytest.mark.parametrize("venue", ["binance_usdm", "binance_spot"])
def test_momentum_runs_and_verifies_over_all_majors(desk, venue):
    common = set.intersection(*(set(desk.store.intervals(venue, symbol)) for symbol in MAJORS))
    assert common
    for interval_ns in sorted(common):
        legs = [(venue, symbol) for symbol in MAJORS]
        path = desk.file("xs_momentum", legs, interval_ns, params={"holdings": 1})
        assert_runs_and_verifies(desk, path)


@pytest.mark.soak
@pytest.mark.parametrize("symbol", MAJORS)
def test_carry_runs_and_verifies_on_all_majors(desk, symbol):
    legs = [("binance_usdm", symbol), ("binance_spot", symbol)]
    common = set.intersection(*(set(desk.store.intervals(*leg)) for leg in legs))
    assert common
    for interval_ns in sorted(common):
        assert_runs_and_verifies(desk, desk.file("funding_carry", legs, interval_ns))
