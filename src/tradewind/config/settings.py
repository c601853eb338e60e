"""The model of ``tradewind.toml``: what holds for everything in a workspace. It never holds a secret."""

import re
from ipaddress import ip_address
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from tradewind.config.fields import (
    Address,
    FeeRate,
    FilePath,
    Model,
    Money,
    Name,
    Port,
    Rate,
    SymbolList,
    refusal,
)
from tradewind.config.limits import Limits
from tradewind.config.urls import HereUrl, HttpsUrl
from tradewind.config.venue_defaults import VENUES

__all__ = [
    "AccountEntry",
    "AlertEntry",
    "Caps",
    "MetricsEntry",
    "Paths",
    "Retention",
    "Settings",
    "VenueEntry",
]


def _check_inside(text: str) -> str:
    path = PurePosixPath(text)
    if not text or "\0" in text or not text.isprintable() or len(text) > 255:
        raise refusal("PATH_INVALID", f"{text[:40]!r} names no folder", "write a name such as 'data'")
    if path.is_absolute() or ".." in path.parts or text.startswith("~") or "\\" in text:
        raise refusal(
            "PATH_DENIED",
            f"{text!r} leads out of the workspace",
            "write a path below the workspace; a symbolic link there may lead to another disk",
        )
    return text


_Inside = Annotated[str, AfterValidator(_check_inside)]


class Paths(Model):
    """Folders of the workspace, relative to it."""

    strategies: _Inside = "strategies"
    """Strategies of your own, one Python file each."""
    backtests: _Inside = "backtests"
    """What to run."""
    data: _Inside = "data"
    """History."""
    runs: _Inside = "runs"
    """One folder a run."""
    journal: _Inside = "journal"
    """Records of sessions."""

    @model_validator(mode="after")
    def _stay_apart(self) -> Self:
        taken: dict[str, str] = {}
        for name in type(self).model_fields:
            folder = str(PurePosixPath(getattr(self, name)))
            if folder in taken:
                raise refusal("CONFIG_CONFLICT", f"{name} and {taken[folder]} share {folder!r}", key=name)
            taken[folder] = name
        return self


class VenueEntry(Model):
    """What is particular about your terms at a venue."""

    maker_rate: Rate | None = None
    """Your fee for resting orders, where it differs from the lowest tier."""
    taker_rate: FeeRate | None = None
    """Your fee for orders that take."""
    fake: HereUrl | None = None
    """Address of a fake exchange on this machine that is spoken to instead ('tradewind venue fake'): for practice."""
    fake_ca: FilePath | None = None
    """File with the certificate authority of the fake exchange."""

    @model_validator(mode="after")
    def _check_fake(self) -> Self:
        if self.fake_ca is not None and self.fake is None:
            raise refusal("CONFIG_CONFLICT", "fake_ca has no meaning without fake", key="fake_ca")
        return self

    @property
    def fake_place(self) -> tuple[str, int] | None:
        """Return host and port of the fake exchange, or None."""
        if self.fake is None:
            return None
        parts = urlsplit(self.fake)
        return parts.hostname or "127.0.0.1", parts.port or 443


class Caps(Model):
    """What no request of an account may exceed, whoever asks for it; checked last, beside what signs.

    A strategy cannot see or move these, a session file cannot either. Reductions and cancels are not counted in
    the rate.
    """

    symbols: SymbolList | None = None
    """The only symbols that may be traded; all unless given."""
    max_notional_per_order: Money | None = None
    """Largest order, in the account's currency."""
    max_orders_per_minute: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Most new orders within a minute."""


class AccountEntry(Model):
    """An account by name. Its keys lie in the key store, never here."""

    venue: str
    """Where the account is."""
    kind: Literal["paper", "demo", "live"] = "paper"
    """Whether its money is real."""
    limits: Limits = Limits()
    """Limits that hold for this account beside those of what runs on it."""
    caps: Caps = Caps()
    """Hard caps of single requests."""

    @model_validator(mode="after")
    def _check_venue(self) -> Self:
        if self.venue not in VENUES:
            raise refusal("EXCHANGE_UNKNOWN", f"no venue is called {self.venue[:40]!r}", key="venue")
        return self


_QUIET = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\.\.([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


def _check_quiet(text: str) -> str:
    found = _QUIET.fullmatch(text)
    if not found or text[:5] == text[7:]:
        raise refusal(
            "CONFIG_CHOICE",
            f"{text[:20]!r} are no hours of a day",
            'write two times in UTC, such as "22:00..07:00"',
        )
    return text


class AlertEntry(Model):
    """Somebody who is told. The address is a secret: 'tradewind keys add NAME --text' keeps it under this name."""

    level: Literal["info", "warning", "error", "critical"] = "warning"
    """The least that is told."""
    quiet: Annotated[str, AfterValidator(_check_quiet)] | None = None
    """Hours in UTC, such as "22:00..07:00", in which only what is critical is told."""


class Retention(Model):
    """What of a session's journal is given up in time. Decisions, orders and money are kept for ever."""

    market_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    """Days that recorded market data is kept; after that only its digest stays. For ever unless given."""
    keep_snapshots: Annotated[int, Field(ge=1, le=1_000)] = 2
    """How many of the newest snapshots stay; a replay starts at the oldest of them once older data has gone."""


class MetricsEntry(Model):
    """Figures of a running session for Prometheus; they hold balances, so they are offered to this machine alone."""

    port: Port | None = None
    """Where they are offered; nowhere unless given. A second session that finds the port taken offers none."""
    host: Address = "127.0.0.1"
    """The address of this machine itself that is listened on; nobody who asks is asked who he is."""

    @model_validator(mode="after")
    def _stay_here(self) -> Self:
        if not ip_address(self.host).is_loopback:
            raise refusal(
                "BIND_INSECURE",
                f"at {self.host} others could read balances without a password",
                "offer them to this machine, and let a proxy with TLS and a password pass them on",
                key="host",
            )
        return self


class Settings(Model):
    """Settings of a workspace."""

    schema_version: int = 1
    """Version of this form; 1 where missing."""
    paths: Paths = Paths()
    """Folders of the workspace."""
    venues: dict[Name, VenueEntry] = {}
    """Your terms at venues."""
    accounts: dict[Name, AccountEntry] = {}
    """Accounts by name."""
    limits: Limits = Limits()
    """Limits that nothing in this workspace may loosen."""
    heartbeat_url: HttpsUrl | None = None
    """Address that a live session calls as long as it is well, so that somebody outside notices its silence."""
    metrics: MetricsEntry = MetricsEntry()
    """Figures for Prometheus."""
    retention: Retention = Retention()
    """What of journals is given up in time."""
    alerts: dict[Name, AlertEntry] = {}
    """Who is told what, by the name under which the key store keeps the address."""

    @model_validator(mode="after")
    def _check_venues(self) -> Self:
        for name in self.venues:
            if name not in VENUES:
                raise refusal("EXCHANGE_UNKNOWN", f"no venue is called {name!r}", key=f"venues.{name}")
        return self
