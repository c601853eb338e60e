"""What forbids trading with an account is said before anything is asked of a venue or written."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tradewind.cli import refusing, takeover
from tradewind.cli.certify import require_certificates, unseen_at
from tradewind.cli.claiming import claimed, session_of
from tradewind.cli.entry import run_command
from tradewind.cli.paper import load_terms
from tradewind.config import AccountEntry, lock
from tradewind.errors import ERROR_CODES, SafetyRefusal
from tradewind.live.certify import Certificate, Step
from tradewind.live.epochs import Epoch, begin_epoch
from tradewind.live.trial_stop import STOP_STEP
from tradewind.research.resolve import check_strategies
from tradewind.venues.fake.sockets import FAKE_VARIABLE, FakeVenueAddress
from tradewind.venues.keys import AccountKeys, Secret
from tradewind.venues.keys.secret import forgetting

pytest.importorskip("ccxt")

SESSION = """
strategy = "ema_cross"
accounts = ["main"]
protection = "resting"
dead_man = { policy = "none" }
[market]
venue = "blofin_swap"
symbols = ["BTC-USDT"]
bars = "1m"
[limits]
max_exposure_total_x = 1.0
loss_day_pct = 5.0
max_orders_per_minute = 30
price_band_pct = 3.0
"""
ACCOUNTS = """
[accounts.main]
venue = "blofin_swap"
kind = "demo"
[accounts.desk]
venue = "blofin_swap"
[accounts.rich]
venue = "blofin_swap"
kind = "live"
caps = { max_notional_per_order = 100.0 }
"""


@pytest.fixture
def live(desk, refuse):
    """Return a function that tries to trade a changed session file, which must be refused."""
    settings = desk.root / "tradewind.toml"
    settings.write_text(settings.read_text() + ACCOUNTS)

    def run(code, status, *flags, old="", new=""):
        assert old in SESSION
        (desk.root / "sessions" / "live.toml").write_text(SESSION.replace(old, new))
        return refuse(desk.root, ["trade", "--live", "sessions/live.toml", *flags], code, status)

    return run


@pytest.mark.parametrize(
    ("old", "new", "code", "status", "key"),
    [
        ('accounts = ["main"]\n', 'capital = { amount = 10, currency = "USDT" }\n', "CONFIG_MISSING", 2, "accounts"),
        ('["main"]', '["desk"]', "KEY_MODE_MISMATCH", 4, "accounts.desk.kind"),
        ('["main"]', '["mian"]', "CONFIG_CHOICE", 2, "accounts.0"),
        ('protection = "resting"\n', "", "CONFIG_MISSING", 2, "protection"),
        ("loss_day_pct = 5.0\n", "", "LIVE_REQUIRES_LIMITS", 2, "limits.loss_day_pct"),
        ("price_band_pct = 3.0\n", "", "LIVE_REQUIRES_LIMITS", 2, "limits.price_band_pct"),
        ('dead_man = { policy = "none" }\n', "", "CONFIG_MISSING", 2, "dead_man.policy"),
        ('policy = "none"', 'policy = "timer"', "EXCHANGE_UNSUPPORTED", 2, "dead_man.policy"),
        ('bars = "1m"', 'bars = "7m"', "EXCHANGE_UNSUPPORTED", 2, "market.bars"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_say_enough(live, old, new, code, status, key):
    told = live(code, status, "--confirm", "main", old=old, new=new)
    assert told["key"] == key


def test_symbols_that_the_caps_of_the_account_forbid(desk, live):
    """Such a session would start, refuse each of its orders beside what signs them, and never trade."""
    settings = desk.root / "tradewind.toml"
    allowed = 'kind = "demo"\ncaps = { symbols = ["ETH-USDT", "SOL-USDT"] }'
    settings.write_text(settings.read_text().replace('kind = "demo"\n', allowed + "\n"))
    two = 'symbols = ["ETH-USDT", "BTC-USDT"]'
    told = live("CONFIG_CONFLICT", 2, "--confirm", "main", old='symbols = ["BTC-USDT"]', new=two)
    assert told["key"] == "market.symbols.1"
    assert "accounts.main.caps.symbols in tradewind.toml" in told["message"]
    assert (told["known"], "also" in told) == (["ETH-USDT", "SOL-USDT"], False)
    mistyped = live("CONFIG_CONFLICT", 2, "--confirm", "main", old='["BTC-USDT"]', new='["eth-usdt"]')
    assert mistyped["hint"] == "Did you mean 'ETH-USDT'?"
    none = live("SYMBOL_UNKNOWN", 2, "--confirm", "main", old='["BTC-USDT"]', new='["eth-usdt\U0001f600"]')
    assert none["key"] == "market.symbols.0"
    live("LIVE_UNCONFIRMED", 5, old='symbols = ["BTC-USDT"]', new='symbols = ["ETH-USDT"]')


def test_nobody_said_that_it_is_meant(live):
    assert live("LIVE_UNCONFIRMED", 5)["hint"] == "type its name, or add --confirm main"
    assert live("LIVE_UNCONFIRMED", 5, "--confirm", "other")["message"].startswith("nobody said that main")


def test_an_adoption_that_did_not_come_to_its_end_is_not_traded_on(desk, live):
    begin_epoch(desk.session_dir("live"), Epoch("ABCDEF"))
    told = live("ADOPT_UNFINISHED", 5, "--confirm", "main")
    assert "session adopt" in told["hint"] + ERROR_CODES["ADOPT_UNFINISHED"].remedy


def test_adopting_is_refused_for_what_trading_is_refused_for(desk, live, refuse):
    """Before any venue is asked, and without a trace."""
    with lock(desk.account_lock("main"), "trades main in session other"):
        live("LOCKED", 5, "--confirm", "main")
        told = refuse(desk.root, ["session", "adopt", "sessions/live.toml", "--confirm", "main"], "LOCKED", 5)
    assert "session other" in told["message"]
    refuse(desk.root, ["session", "adopt", "backtests/first.toml"], "USAGE", 2)
    live("CONFIG_CHOICE", 2, old='["main"]', new='["mian"]')
    refuse(desk.root, ["session", "adopt", "sessions/live.toml"], "CONFIG_CHOICE", 2)
    assert not desk.session_dir("live").exists()


def test_real_money_at_a_venue_that_was_not_tried(live):
    told = live("VENUE_UNCERTIFIED", 4, "--confirm", "rich", old='["main"]', new='["rich"]')
    assert "there is no certificate" in told["message"]
    assert told["hint"].startswith("tradewind venue certify blofin_swap")


def _keep(desk, name, ccxt, *, passed=True, fake=None):
    """Write a certificate as a trial leaves it; fake: None for one of before certificates said where."""
    done = Certificate("blofin_swap", "main", "BTC-USDT", ccxt, "0.1.0", 0, (Step("x", passed),), fake)
    told = msgspec.to_builtins(done)
    if fake is None:
        del told["fake"]
    (desk.root / "certificates").mkdir(exist_ok=True)
    (desk.root / "certificates" / name).write_bytes(msgspec.json.encode(told))


@pytest.mark.parametrize(
    ("ccxt", "passed", "works"), [("", True, True), ("", False, False), ("4.0.0", True, False)]
)
def test_a_certificate_counts_for_the_ccxt_it_was_made_with(desk, live, ccxt, passed, works):
    import ccxt as installed

    _keep(desk, "blofin_swap.json", ccxt or installed.__version__, passed=passed, fake=False)
    accounts = {"rich": type(desk).open(desk.root).settings.accounts["rich"]}
    if works:
        require_certificates(desk, accounts)
    else:
        with pytest.raises(SafetyRefusal) as caught:
            require_certificates(desk, accounts)
        assert caught.value.code == "VENUE_UNCERTIFIED"


@pytest.mark.parametrize(
    ("steps", "is_told"),
    [
        ((Step("x", True),), True),
        ((Step(STOP_STEP, True, "the market did not come", unseen=True),), True),
        ((Step(STOP_STEP, True),), False),
    ],
    ids=["of before", "not seen", "seen"],
)
def test_a_certificate_that_has_seen_no_stop_trigger_counts_and_is_told(desk, steps, is_told):
    import ccxt

    done = Certificate("blofin_swap", "main", "BTC-USDT", ccxt.__version__, "0.1.0", 0, steps, fake=False)
    (desk.root / "certificates").mkdir(exist_ok=True)
    (desk.root / "certificates" / "blofin_swap.json").write_bytes(msgspec.json.encode(done))
    require_certificates(desk, {"rich": AccountEntry(venue="blofin_swap", kind="live")})
    assert ("no stop was seen to trigger" in unseen_at(desk, "blofin_swap")) is is_told
    assert unseen_at(desk, "okx_swap") == ""


@pytest.mark.parametrize(
    ("name", "fake", "why"),
    [
        ("blofin_swap.fake.json", True, "one that was got at a fake exchange"),
        ("blofin_swap.json", True, "was got at a fake exchange"),
        ("blofin_swap.json", None, "does not say whether a fake exchange was tried"),
    ],
)
def test_no_trial_at_a_fake_exchange_opens_the_door_to_real_money(desk, live, monkeypatch, name, fake, why):
    """What is at the fake proves nothing of the venue; whoever reaches the fake risks nothing and may go on."""
    import ccxt
    import certifi

    monkeypatch.delenv(FAKE_VARIABLE, raising=False)
    _keep(desk, name, ccxt.__version__, fake=fake)
    told = live("VENUE_UNCERTIFIED", 4, "--confirm", "rich", old='["main"]', new='["rich"]')
    assert why in told["message"]
    place = desk.root / "fake.json"
    FakeVenueAddress(1, Path(certifi.where()), frozenset({"openapi.blofin.com"})).save(place)
    monkeypatch.setenv(FAKE_VARIABLE, str(place))
    require_certificates(desk, {"rich": AccountEntry(venue="blofin_swap", kind="live")})


@pytest.mark.parametrize("venue", ["gate_swap", "hyperliquid"])
def test_real_money_waits_for_a_trial_on_the_testnet_where_there_is_one(desk, venue):
    with pytest.raises(SafetyRefusal, match="there is no certificate") as caught:
        require_certificates(desk, {"far": AccountEntry(venue=venue, kind="live")})
    assert caught.value.code == "VENUE_UNCERTIFIED"
    assert f"tradewind venue certify {venue}" in caught.value.hint


def test_real_money_is_refused_where_no_practice_money_is_to_try_a_venue_with(desk, refuse):
    """KuCoin has closed its sandbox: neither a certificate nor a trial can be had there."""
    accounts = {"far": AccountEntry(venue="kucoin", kind="live")}
    with pytest.raises(SafetyRefusal, match="no practice money") as caught:
        require_certificates(desk, accounts)
    assert caught.value.code == "VENUE_UNCERTIFIED"
    told = refuse(desk.root, ["venue", "certify", "kucoin", "--account", "main"], "VENUE_UNCERTIFIED", 4)
    assert "on paper" in told["hint"]


def test_all_that_the_files_forbid_is_told_at_once_and_before_keys_and_leases(desk, live):
    with lock(desk.account_lock("rich"), "somebody else"):
        error = live(
            "CONFIG_MISSING", 2, old='strategy = "ema_cross"\naccounts = ["main"]\nprotection = "resting"\n',
            new='strategy = "ema_crosss"\naccounts = ["rich"]\n',
        )  # fmt: skip
    told = {each["code"]: each for each in [error, *error["also"]]}
    assert told.keys() == {"CONFIG_MISSING", "VENUE_UNCERTIFIED", "CONFIG_CHOICE"}
    assert told["CONFIG_MISSING"]["key"] == "protection"
    assert told["CONFIG_CHOICE"]["key"] == "strategy"
    assert told["CONFIG_CHOICE"]["where"].endswith("live.toml:2")
    assert "ema_cross" in told["CONFIG_CHOICE"]["known"]


def test_parameters_of_a_strategy_are_looked_at_before_somebody_confirms(live):
    error = live(
        "CONFIG_UNKNOWN_KEY", 2, old="[limits]", new='[params]\nfast_perod = 3\nslow_period = "x"\n[limits]'
    )
    assert [each["code"] for each in error["also"]] == ["CONFIG_TYPE"]
    assert error["key"] == "strategy.params.fast_perod"


def test_a_guard_reads_strategies_in_a_process_of_their_own_with_the_same_result(desk, monkeypatch):
    (desk.root / "sessions" / "two.toml").write_text(
        SESSION.replace('strategy = "ema_cross"', "") + '''
[[strategies]]
strategy = "ema_cross"
params = { fast_perod = 3 }
[[strategies]]
strategy = "nobody"
name = "other"
''')  # fmt: skip
    config = load_terms(desk, "sessions/two.toml", None).config
    here = check_strategies(config, desk)
    assert len(refusing._strategies(config, desk, guards=False)) == len(here) == 2
    monkeypatch.setattr(refusing, "_COMPILER", "no such module")
    there = refusing._strategies(config, desk, guards=True)
    assert [each.to_json() for each in there] == [each.to_json() for each in here]
    assert [each.key for each in here] == ["strategies.0.params.fast_perod", "strategies.1.strategy"]


def test_a_backtest_file_names_no_account(desk, refuse):
    told = refuse(desk.root, ["trade", "--live", "backtests/first.toml"], "USAGE", 2)
    assert (told["where"], told["hint"]) == ("--live", "write a session file")


@pytest.mark.parametrize("flags", [[], ["--paper", "sessions/first.toml", "--live", "sessions/first.toml"]])
def test_it_must_be_said_what_is_traded(desk, refuse, flags):
    assert refuse(desk.root, ["trade", *flags], "USAGE", 2)["known"] == ["--paper FILE", "--live FILE"]


@pytest.mark.parametrize("command", ["pause", "resume", "flatten", "stop"])
def test_a_session_that_does_not_run_takes_no_command(desk, refuse, command):
    (desk.root / "journal" / "calm").mkdir(parents=True)
    assert refuse(desk.root, ["session", command, "calm"], "SESSION_NOT_RUNNING", 6)["exit_code"] == 6


@pytest.mark.parametrize(
    ("name", "code", "status", "hint"),
    [
        ("first", "USAGE", 2, "tradewind session stop first"),
        ("lost", "SESSION_UNKNOWN", 6, "sessions/lost.toml"),
    ],
)
def test_what_holds_nothing_at_a_venue_is_not_taken_over(desk, capsys, name, code, status, hint):
    (desk.root / "journal" / name).mkdir(parents=True)
    assert run_command(["session", "flatten", name, "--takeover"]) == status
    told = capsys.readouterr().err
    assert f"\n{code}  " in told
    assert hint in told


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (["--account", "nobody"], "CONFIG_CHOICE"),
        (["--account", "rich"], "KEY_MODE_MISMATCH"),
        (["--account", "desk"], "KEY_MODE_MISMATCH"),
    ],
)
def test_a_venue_is_tried_with_practice_money_only(live, desk, refuse, flags, code):
    status = {"CONFIG_CHOICE": 2, "KEY_MODE_MISMATCH": 4}[code]
    refuse(desk.root, ["venue", "certify", "blofin_swap", *flags], code, status)


_FROM = ["--start", "2024-01-01"]


@pytest.mark.parametrize(
    ("words", "code", "meant"),
    [
        (["venue", "fake", "blofin_swop"], "EXCHANGE_UNKNOWN", "blofin_swap"),
        (["venue", "rules", "bybitt"], "EXCHANGE_UNKNOWN", "bybit"),
        (["venue", "certify", "okx_swp", "--account", "main"], "EXCHANGE_UNKNOWN", "okx_swap"),
        (
            ["data", "download", "--venue", "gate_swep", "--symbol", "X", *_FROM],
            "EXCHANGE_UNKNOWN",
            "gate_swap",
        ),
        (["venue", "certify", "dydx", "--account", "main"], "EXCHANGE_UNSUPPORTED", ""),
        (["venue", "rules", "blofin_spot"], "EXCHANGE_UNSUPPORTED", ""),
        (["data", "download", "--venue", "dydx", "--symbol", "X", *_FROM], "EXCHANGE_UNSUPPORTED", ""),
    ],
)
def test_b16_b17_a_venue_is_refused_by_its_name_before_anything_is_asked(desk, refuse, words, code, meant):
    fields = refuse(desk.root, words, code)
    assert not meant or f"'{meant}'" in fields["hint"]


@pytest.mark.parametrize(
    "words",
    [
        ["trade", "--live", "sessions/live.toml", "--confirm", "main", "--no-guard"],
        ["session", "adopt", "sessions/live.toml", "--confirm", "main"],
        ["venue", "certify", "blofin_swap", "--account", "main"],
        ["session", "flatten", "live", "--takeover"],
    ],
)
def test_an_account_that_a_copy_of_the_workspace_trades_is_left_alone(
    desk, live, tmp_path, monkeypatch, capsys, words
):
    """Before any venue is asked."""
    live("LIVE_UNCONFIRMED", 5)
    if "--takeover" in words:
        desk.session_dir("live").mkdir(parents=True)
        # What the session trades is not looked up: no instrument of a venue is stored here.
        monkeypatch.setattr(
            takeover, "_of_file", lambda *_: (load_terms(desk, "sessions/live.toml", None).config, ())
        )
    given = {"API_KEY": "1" * 32, "SECRET": "2" * 32, "PASSPHRASE": "3" * 8}
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name, text in (given | {"DEMO": "true"}).items():
        monkeypatch.setenv(f"TRADEWIND_KEYS__MAIN__{name}", text)
    accounts = {"main": type(desk).open(desk.root).settings.accounts["main"]}
    copy = type(desk)(tmp_path / "copy")
    with forgetting():
        keys = {"main": AccountKeys("main", "blofin_swap", True, *map(Secret, given.values()))}
        with claimed(copy, accounts, keys, lambda _: session_of(copy, "live"), pytest.fail):
            assert run_command(words) == 5
    told = capsys.readouterr().err
    assert "LOCKED" in told
    assert str(copy.root) in told
