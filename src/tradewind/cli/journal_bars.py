"""``tradewind journal bars``: the bars a session heard against those that are stored."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from tradewind.errors import TradewindError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from tradewind.cli.output import Output
    from tradewind.config import Workspace
    from tradewind.live.received import BarComparison
    from tradewind.market import Instrument

__all__ = ["show_bars"]

_SHOWN = 3


def show_bars(say: "Output", desk: "Workspace", folder: "Path") -> None:
    """Compare every instrument of a session with the store, and say how far the two agree.

    Raises UsageError for a session that was bound to a history, DATA_MISSING where nothing of it is stored.
    """
    from tradewind.cli.listening import bind_again, first_boot
    from tradewind.journal import FileDisk, JournalReader
    from tradewind.live.received import compare_bars, received_bars

    boot = first_boot(folder)
    if boot is None:
        raise UsageError(
            "USAGE", f"{folder.name} traded a replay of stored bars: there is nothing to compare."
        )
    bound = bind_again(boot, desk, folder.name)
    interval_ns = bound.resolved.config.market.bar_ns
    rows: list[dict[str, object]] = []
    for place, received in received_bars(JournalReader(FileDisk(), folder)).items():
        instrument = bound.resolved.instruments[place]
        history = _stored(desk, instrument, interval_ns, (int(received[0, 0]), int(received[-1, 0])))
        found = compare_bars(received, history)
        rows.append({"symbol": bound.resolved.labels[place]} | asdict(found))
        _tell(say, bound.resolved.labels[place], found)
    say.done({"session": folder.name, "instruments": rows}, f"tradewind journal replay {folder.name}")


def _stored(
    desk: "Workspace", instrument: "Instrument", interval_ns: int, span: tuple[int, int]
) -> "np.ndarray[tuple[int, int], np.dtype[np.int64]]":
    """Return stored bars in the session's ticks and lots."""
    import numpy as np

    from tradewind.market import Store
    from tradewind.units.time import format_interval

    store = Store(desk.data)
    try:
        bars = store.read_bars(
            instrument.venue, instrument.symbol, interval_ns, span[0], span[1] + interval_ns
        )
    except TradewindError as error:
        interval = format_interval(interval_ns)
        where = f"--venue {instrument.venue} --symbol {instrument.symbol}"
        error.hint = f"tradewind data download {where} --bars {interval}"
        raise
    tick, lot = float(instrument.tick_size), float(instrument.lot_size * instrument.contract_size)
    prices = [np.rint(column / tick) for column in (bars.open, bars.high, bars.low, bars.close)]
    return np.column_stack([bars.ts_ns, *prices, np.rint(bars.volume / lot)]).astype(np.int64)


def _tell(say: "Output", symbol: str, found: "BarComparison") -> None:
    from tradewind.units.time import format_utc

    say.line(f"{symbol}: {found.received:,} bars heard, {found.equal:,} of them as stored")
    for what, times in (
        ("other prices", found.prices),
        ("another volume", found.volumes),
        ("never heard", found.unheard),
        ("not stored", found.unknown),
    ):
        if times:
            first = ", ".join(format_utc(at)[:16] for at in times[:_SHOWN])
            say.line(f"  {what}: {len(times):,} ({first}{', …' if len(times) > _SHOWN else ''})")
