"""The rules a workspace holds: what was imported from venues' answers, by venue and symbol, with its date."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import msgspec

from tradewind.config.files import lock, write_atomic
from tradewind.errors import DataUnfit
from tradewind.market.instrument import Instrument, Tier, decimal_of
from tradewind.market.rules.answers import RuleSet
from tradewind.units.time import format_utc

__all__ = ["RuleBook"]

_PATIENCE_S = 10.0
"""So long another process's change of the rules is waited for; one takes some hundredths of a second."""


class _VenuePage(msgspec.Struct):
    instruments: dict[str, dict[str, object]] = {}
    funding_interval_ns: dict[str, int] = {}
    tiers: dict[str, list[dict[str, object]]] = {}
    fees: dict[str, tuple[str, str]] = {}


class _Pages(msgspec.Struct):
    version: int = 1
    venues: dict[str, _VenuePage] = {}


@dataclass(slots=True)
class RuleBook:
    """Rules of instruments beside the history, in one file that appears whole.

    Answers come one by one: instruments from one, brackets or intervals from another; `find` puts them together.
    """

    path: Path
    _pages: _Pages

    @classmethod
    def load(cls, root: Path) -> "RuleBook":
        """Return the rules kept in a store's folder, none where there is no file. Raises DATA_CORRUPT."""
        path = root / "instruments.json"
        try:
            pages = msgspec.json.decode(path.read_bytes(), type=_Pages)
        except FileNotFoundError:
            pages = _Pages()
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DataUnfit("DATA_CORRUPT", f"the rules cannot be read: {error}", where=str(path)) from error
        return cls(path, pages)

    @classmethod
    @contextmanager
    def changing(cls, root: Path) -> Iterator["RuleBook"]:
        """Yield the rules to add to, and write them at the end; readers see the old ones or the new ones.

        Who changes them at the same time waits, so that nothing that another process added is lost.
        Raises DATA_CORRUPT, and LOCKED where another process does not come to its end within seconds.
        """
        with lock(root / ".rules.lock", "rules import", wait_s=_PATIENCE_S):
            book = cls.load(root)
            yield book
            write_atomic(
                book.path, msgspec.json.format(msgspec.json.encode(book._pages, order="deterministic"))
            )

    def add(self, rules: RuleSet, asked_ns: int) -> None:
        """Enter what an answer said, with the time at which it was given; newer rules replace older ones."""
        page = self._pages.venues.setdefault(rules.venue, _VenuePage({}, {}, {}, {}))
        for symbol, instrument in rules.instruments.items():
            dated = replace(instrument, provenance=f"{instrument.provenance} of {format_utc(asked_ns)[:10]}")
            page.instruments[symbol] = dated.to_dict()
        page.funding_interval_ns.update(rules.funding_interval_ns)
        for symbol, tiers in rules.tiers.items():
            page.tiers[symbol] = [_tier_to_dict(t) for t in tiers]
        for symbol, fees in rules.fees.items():
            page.fees[symbol] = (str(fees.maker_rate), str(fees.taker_rate))

    def symbols(self, venue: str) -> tuple[str, ...]:
        """Return the symbols of a venue whose rules are here."""
        page = self._pages.venues.get(venue)
        return tuple(page.instruments) if page else ()

    def find(self, venue: str, symbol: str) -> Instrument | None:
        """Return the rules of a symbol with its brackets, interval and fees; None where its rules are not here."""
        page = self._pages.venues.get(venue)
        table = page.instruments.get(symbol) if page else None
        return self.overlay(Instrument.from_dict(table, f"{venue} {symbol}")) if table else None

    def overlay(self, instrument: Instrument) -> Instrument:
        """Return rules with the brackets, funding interval and fees that the book knows beside them."""
        page = self._pages.venues.get(instrument.venue)
        if page is None:
            return instrument
        symbol, found = instrument.symbol, instrument
        if symbol in page.funding_interval_ns:
            found = replace(found, funding_interval_ns=page.funding_interval_ns[symbol])
        if symbol in page.tiers:
            tiers = tuple(_tier_from_dict(t, instrument.where) for t in page.tiers[symbol])
            found = replace(found, tiers=tiers, leverage_max=max(t.leverage_max for t in tiers))
        if symbol in page.fees:
            maker, taker = page.fees[symbol]
            found = replace(found, maker_rate=Decimal(maker), taker_rate=Decimal(taker))
        return found


def _tier_to_dict(tier: Tier) -> dict[str, object]:
    plain = {"maintenance_rate": str(tier.maintenance_rate), "deduction": str(tier.deduction)}
    bound = {} if tier.notional_upto is None else {"notional_upto": str(tier.notional_upto)}
    return {**bound, **plain, "leverage_max": str(tier.leverage_max)}


def _tier_from_dict(table: dict[str, object], where: str) -> Tier:
    numbers = {name: decimal_of(value, f"tiers.{name}", where) for name, value in table.items()}
    return Tier(
        numbers.get("notional_upto"),
        numbers["maintenance_rate"],
        numbers["deduction"],
        numbers["leverage_max"],
    )
