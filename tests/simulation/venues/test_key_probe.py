"""What a venue says of a key, asked of the fakes by unmodified ccxt: permissions, addresses, clock, modes."""

from __future__ import annotations

import asyncio

import pytest

from tradewind.errors import AuthFailed, ConfigError, SafetyRefusal
from tradewind.testing.virtual_venues import Login, run_world
from tradewind.venues.ccxt.key_probe import probe_key
from tradewind.venues.keys import AccountKeys, Secret
from tradewind.venues.keys.report import KeyReport, explain, refuse_powerful
from tradewind.venues.keys.secret import forgetting

VENUES = ("binance_usdm", "blofin_swap", "bybit_linear", "okx_swap")


@pytest.fixture(autouse=True)
def _forget():
    with forgetting():
        yield


def keys_of(login: Login, venue: str, **changes: str) -> AccountKeys:
    parts = {"api_key": login.api_key, "secret": login.secret, "passphrase": login.passphrase, **changes}
    return AccountKeys("main", venue, False, *(Secret(parts[p]) for p in ("api_key", "secret", "passphrase")))


def asked(venue: str, login: Login, **changes: str):
    async def ask(world):
        keys = keys_of(login, venue, **changes)
        return await probe_key(keys, session=world.session(), now_ns=world.loop.now_ns)

    return run_world(ask, seed=3, venues=(venue,), logins=(login,))


@pytest.mark.parametrize("venue", VENUES)
def test_a_key_that_may_trade_and_no_more_is_fine(venue):
    report = asked(venue, Login(ips=("10.0.0.1",)))
    assert (report.venue, report.can_read, report.can_trade) == (venue, True, True)
    assert report.can_withdraw in (False, None)
    assert abs(report.clock_offset_ms) < 1_000
    assert not [finding for finding in explain(report) if finding.state == "wrong"]
    refuse_powerful(report, "main")


@pytest.mark.parametrize("venue", [venue for venue in VENUES if venue != "blofin_swap"])
def test_a_key_that_may_withdraw_is_refused(venue):
    report = asked(venue, Login(permissions=frozenset({"read", "trade", "withdraw"})))
    assert report.can_withdraw is True
    with pytest.raises(SafetyRefusal) as caught:
        refuse_powerful(report, "main")
    assert caught.value.code == "KEY_TOO_POWERFUL"


@pytest.mark.parametrize("venue", ["binance_usdm", "bybit_linear"])
def test_a_key_that_may_move_money_to_another_account_is_refused(venue):
    """It is out of reach of what protects it there; the venue names the right, and the refusal does."""
    report = asked(venue, Login(permissions=frozenset({"read", "trade", "transfer"})))
    assert (report.can_withdraw, report.can_transfer) == (False, True)
    assert [(f.name, f.state) for f in explain(report) if f.state == "wrong"] == [("transfer", "wrong")]
    with pytest.raises(SafetyRefusal) as caught:
        refuse_powerful(report, "main")
    assert caught.value.code == "KEY_TOO_POWERFUL"
    assert "transfer" in caught.value.message


def test_practice_money_may_be_moved():
    report = KeyReport("bybit_linear", True, can_transfer=True)
    assert [(f.name, f.state) for f in explain(report) if f.name == "transfer"] == [("transfer", "warning")]
    refuse_powerful(report, "main")


@pytest.mark.parametrize("venue", ["okx_swap", "blofin_swap"])
def test_a_venue_that_does_not_say_whether_a_key_may_transfer_is_warned_about(venue):
    report = asked(venue, Login())
    assert report.can_transfer is None
    (found,) = (f for f in explain(report) if f.name == "transfer")
    assert (found.state, "sub-account" in found.remedy) == ("warning", True)


@pytest.mark.parametrize("venue", VENUES)
def test_a_key_that_may_only_read_is_told_as_such(venue):
    report = asked(venue, Login(permissions=frozenset({"read"})))
    assert report.can_trade is False
    assert [(f.name, f.state) for f in explain(report) if f.state == "wrong"] == [("trade", "wrong")]


@pytest.mark.parametrize("venue", VENUES)
def test_a_key_without_a_list_of_addresses_is_warned_about(venue):
    found = {f.name: f for f in explain(asked(venue, Login()))}
    assert found["addresses"].state == "warning"


@pytest.mark.parametrize("part", ["api_key", "secret"])
@pytest.mark.parametrize("venue", VENUES)
def test_a_key_that_the_venue_does_not_know_is_rejected_and_not_shown(venue, part):
    wrong = {part: "Xy7NotTheRightOne"}
    with pytest.raises(AuthFailed) as caught:
        asked(venue, Login(), **wrong)
    assert caught.value.code == "KEY_REJECTED"
    assert "Xy7NotTheRightOne" not in str(caught.value)


@pytest.mark.parametrize("venue", VENUES)
def test_a_key_that_may_not_be_used_from_here_is_rejected(venue):
    with pytest.raises(AuthFailed) as caught:
        asked(venue, Login(ips=("192.0.2.7",)))
    assert caught.value.code == "KEY_REJECTED"


def test_a_key_of_a_venue_without_live_trading_cannot_be_tested():
    with pytest.raises(ConfigError) as caught:
        asyncio.run(probe_key(keys_of(Login(), "kraken_futures")))
    assert caught.value.code == "EXCHANGE_UNSUPPORTED"
