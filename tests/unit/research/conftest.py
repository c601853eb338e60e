"""One small market for the tests of research: 40 days of hours of two coins, with their spot legs."""

import pytest

from tradewind.market import COINS, MarketSpec
from tradewind.testing.desks import make_desk
from tradewind.units.time import HOUR_NS, parse_utc


@pytest.fixture(scope="session")
def spec():
    return MarketSpec(
        seed=11,
        start_ns=parse_utc("2024-01-01"),
        bars=24 * 40,
        interval_ns=HOUR_NS,
        coins=COINS[:2],
        spot=True,
        premium=True,
    )


@pytest.fixture(scope="session")
def desk(spec, tmp_path_factory):
    return make_desk(tmp_path_factory.mktemp("research") / "desk", spec)
