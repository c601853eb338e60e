"""Ask a venue what a key may do and how its account is set, outside of any session; nothing is traded or changed."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tradewind.errors import ConfigError
from tradewind.venues.ccxt.capabilities import DIALECTS
from tradewind.venues.ccxt.exchange import CLIENTS, build_exchange, open_session
from tradewind.venues.ccxt.key_check import check_kind, read_key
from tradewind.venues.ccxt.parsing import word_of
from tradewind.venues.ccxt.shapes import SettingShape
from tradewind.venues.ccxt.unreached import silent
from tradewind.venues.ccxt.wire import Wire
from tradewind.venues.gateway import AccountMode
from tradewind.venues.keys.report import refuse_other_mode

if TYPE_CHECKING:
    from collections.abc import Callable

    import aiohttp

    from tradewind.venues.fake.sockets import FakeVenueAddress
    from tradewind.venues.keys.entries import AccountKeys
    from tradewind.venues.keys.report import KeyReport

__all__ = ["probe_key"]

_CLOCK_TIMES = 3


async def probe_key(
    keys: AccountKeys,
    *,
    fake: FakeVenueAddress | None = None,
    session: aiohttp.ClientSession | None = None,
    now_ns: Callable[[], int] = time.time_ns,
) -> KeyReport:
    """Return what the venue says of a key.

    Parameters
    ----------
    keys
        Which key, at which venue, of practice or real money.
    fake
        The fake exchange that is asked instead.
    session
        What requests go through; one to the venue's own hosts, or the fake's, unless given. The caller closes his.
    now_ns
        This machine's time.

    Raises
    ------
    ConfigError
        EXCHANGE_UNSUPPORTED where orders cannot be sent to the venue, so its keys cannot be asked about.
    AuthFailed
        KEY_REJECTED, KEY_MODE_MISMATCH.
    VenueRefused
        SETTINGS_REFUSED for a kind of account that cannot be traded here.
    VenueDown
        It does not answer, or not to the end.
    """
    if keys.venue not in DIALECTS:
        raise ConfigError(
            "EXCHANGE_UNSUPPORTED",
            f"a key of {keys.venue} cannot be tested: live trading there is not supported.",
            known=tuple(DIALECTS),
        )
    spec, mode = CLIENTS[keys.venue], AccountMode.DEMO if keys.demo else AccountMode.LIVE
    own = session or open_session(
        spec.hosts_for(mode),
        addresses=fake.addresses() if fake else None,
        ssl_context=fake.ssl_context() if fake else None,
    )
    try:
        exchange = build_exchange(spec, own, keys=keys, mode=mode)
        try:
            report = await _report(exchange, keys, mode, now_ns)
        finally:
            await exchange.close()
    finally:
        if session is None:
            await own.close()
    refuse_other_mode(report, keys)
    return report


async def _report(
    exchange: Any,  # noqa: ANN401 - ccxt ships no types
    keys: AccountKeys,
    mode: AccountMode,
    now_ns: Callable[[], int],
) -> KeyReport:
    wire = Wire(exchange, DIALECTS[keys.venue], now_ns)
    if not await wire.measure_clock(_CLOCK_TIMES):
        said = f"{keys.venue} does not tell its time, so nothing can be signed"
        raise silent(keys.venue, wire.clock_error, f"{said}.")
    report = await read_key(wire, mode)
    await check_kind(wire)
    hedge, isolated = [await _mode(wire, code) for code in ("POSITION_MODE", "MARGIN_MODE")]
    return replace(report, hedge=hedge, isolated=isolated)


async def _mode(wire: Wire, code: str) -> bool | None:
    """Return a mode of the whole account; None where the venue keeps it for each symbol, or does not say."""
    for reading in wire.dialect.settings:
        shape = reading.shape
        if not isinstance(shape, SettingShape) or shape.code != code or shape.symbol:
            continue
        answer = await wire.ask(reading.call, dict(reading.call.fields))
        rows = answer.rows(reading.call.rows) if answer.fine else []
        value = shape.words.get(word_of(rows[0].get(shape.value))) if rows else None
        return None if value is None else bool(value)
    return None
