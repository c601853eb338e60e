"""How commands reach a venue: its own hosts and no others, or the fake exchange that stands in for it."""

from pathlib import Path
from typing import TYPE_CHECKING

from tradewind.errors import PathError

if TYPE_CHECKING:
    import aiohttp

    from tradewind.config import Workspace
    from tradewind.venues.ccxt.exchange import ClientSpec
    from tradewind.venues.fake.sockets import FakeVenueAddress
    from tradewind.venues.gateway import AccountMode

__all__ = ["client_of", "practice_of", "way_to"]


def client_of(venue: str) -> "ClientSpec":
    """Return what ccxt is told about a venue. Raises EXCHANGE_UNSUPPORTED."""
    from tradewind.venues.ccxt.market_clients import market_client

    return market_client(venue)


def way_to(desk: "Workspace", venue: str, mode: "AccountMode | None" = None) -> "aiohttp.ClientSession":
    """Return a session that reaches a venue, or its fake, and nobody else; whoever opens it closes it.

    mode: of the account whose key is used: the hosts of the other money are then not reached. None without a key.
    """
    from tradewind.venues.ccxt.exchange import open_session

    spec, practice = client_of(venue), practice_of(desk, venue)
    hosts = spec.hosts | spec.demo_hosts if mode is None else spec.hosts_for(mode)
    if practice is None:
        return open_session(hosts)
    return open_session(hosts, addresses=practice.addresses(), ssl_context=practice.ssl_context())


def practice_of(desk: "Workspace", venue: str) -> "FakeVenueAddress | None":
    """Return the fake exchange that stands in for a venue: of the environment, else of the settings, or None."""
    from tradewind.venues.fake.sockets import FakeVenueAddress

    running = FakeVenueAddress.from_environment()
    if running is not None:
        return running
    entry = desk.settings.venues.get(venue)
    if entry is None or entry.fake_place is None:
        return None
    spec = client_of(venue)
    authority = _authority(desk, entry.fake_ca or "")
    return FakeVenueAddress(entry.fake_place[1], authority, spec.hosts | spec.demo_hosts)


def _authority(desk: "Workspace", name: str) -> Path:
    path = desk.root / name
    if not name or not path.is_file():
        raise PathError(
            "PATH_INVALID",
            "the certificate authority of the fake exchange is not there.",
            where=str(path),
            key="fake_ca",
            hint="write the path that 'tradewind venue fake' prints",
        )
    return path
