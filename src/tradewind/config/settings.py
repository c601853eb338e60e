"""The model of ``tradewind.toml``: what holds for everything in a workspace. It never holds a secret."""

from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, model_validator

from tradewind.config.fields import FeeRate, Model, Name, Rate, refusal
from tradewind.config.limits import Limits
from tradewind.config.venue_defaults import VENUES

__all__ = ["AccountEntry", "Paths", "Settings", "VenueEntry"]


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


class AccountEntry(Model):
    """An account by name. Its keys lie in the key store, never here."""

    venue: str
    """Where the account is."""
    kind: Literal["paper", "demo", "live"] = "paper"
    """Whether its money is real."""
    limits: Limits = Limits()
    """Limits that hold for this account beside those of what runs on it."""

    @model_validator(mode="after")
    def _check_venue(self) -> Self:
        if self.venue not in VENUES:
            raise refusal("EXCHANGE_UNKNOWN", f"no venue is called {self.venue[:40]!r}", key="venue")
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

    @model_validator(mode="after")
    def _check_venues(self) -> Self:
        for name in self.venues:
            if name not in VENUES:
                raise refusal("EXCHANGE_UNKNOWN", f"no venue is called {name!r}", key=f"venues.{name}")
        return self
