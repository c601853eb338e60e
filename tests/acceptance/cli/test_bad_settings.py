"""Bad settings and bad commands: a code in the one form, an exit status, nothing written, nothing lost.

Each row carries the number of the list of bad inputs. The command line runs in this process; what it prints and
what it leaves on the disk is compared.
"""

import json

import pytest

from tradewind.cli.entry import run_command
from tradewind.config import Workspace

HEAD = """\
strategy = "ema_cross"
period = { start = "2024-01-01", end = "2024-02-01" }
capital = { amount = 10_000, currency = "USDT" }
[market]
venue = "binance_usdm"
symbols = ["BTCUSDT"]
bars = "1h"
"""


def toml(desk: Workspace, content: str | bytes, name: str = "bad.toml") -> str:
    path = desk.backtests / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path.relative_to(desk.root))


# number, the whole file, code, line, key
FILES = [
    ("B01 empty", "", "CONFIG_EMPTY", "", ""),
    ("B01 only comments", "# nothing\n\n# here\n", "CONFIG_EMPTY", "", ""),
    ("B02 no TOML", HEAD + "costs = = 3\n", "CONFIG_SYNTAX", "8", ""),
    ("B02 open string", HEAD + '[report]\ntitle = "x\n', "CONFIG_SYNTAX", "9", ""),
    ("B03 key twice", HEAD + '[costs]\nfill = "touch"\nfill = "strict"\n', "CONFIG_DUPLICATE_KEY", "10", ""),
    ("B03 table twice", HEAD + "[costs]\n[costs]\n", "CONFIG_DUPLICATE_KEY", "9", ""),
    ("B04 typo", HEAD + "[account]\nlevarage = 3\n", "CONFIG_UNKNOWN_KEY", "9", "account.levarage"),
    ("B04 unknown table", HEAD + "[acount]\nleverage = 3\n", "CONFIG_UNKNOWN_KEY", "8", "acount"),
    ("B05 missing", HEAD.replace('bars = "1h"\n', ""), "CONFIG_MISSING", "4", "market.bars"),
    ("B05 missing table", HEAD.split("[market]")[0], "CONFIG_MISSING", "", "market"),
    ("B06 text for a number", HEAD + '[account]\nleverage = "5"\n', "CONFIG_TYPE", "9", "account.leverage"),
    ("B07 true for a number", HEAD + "[account]\nleverage = true\n", "CONFIG_TYPE", "9", "account.leverage"),
    ("B08 fraction", HEAD + "[costs]\nlatency_bars = 1.5\n", "CONFIG_TYPE", "9", "costs.latency_bars"),
    ("B08 whole fraction", HEAD + "[costs]\nlatency_bars = 1.0\n", "CONFIG_TYPE", "9", "costs.latency_bars"),
    ("B09 nan", HEAD + "[costs]\nslippage_bps = nan\n", "CONFIG_NOT_FINITE", "9", "costs.slippage_bps"),
    ("B09 inf", HEAD + "[costs]\nslippage_bps = inf\n", "CONFIG_NOT_FINITE", "9", "costs.slippage_bps"),
    ("B09 -inf", HEAD + "[costs]\nslippage_bps = -inf\n", "CONFIG_NOT_FINITE", "9", "costs.slippage_bps"),
    ("B09 1e999", HEAD + "[costs]\nslippage_bps = 1e999\n", "CONFIG_NOT_FINITE", "9", "costs.slippage_bps"),
    ("B10 -0.0", HEAD.replace("10_000", "-0.0"), "CONFIG_RANGE", "3", "capital.amount"),
    (
        "B10 -0.0 as a cost",
        HEAD + "[costs]\nslippage_bps = -0.0\n",
        "CONFIG_RANGE",
        "9",
        "costs.slippage_bps",
    ),
    ("B11 negative leverage", HEAD + "[account]\nleverage = -3\n", "CONFIG_RANGE", "9", "account.leverage"),
    ("B11 negative fee", HEAD + "[costs]\ntaker_rate = -0.0001\n", "CONFIG_RANGE", "9", "costs.taker_rate"),
    ("B11 negative size", HEAD + "[limits.each]\nmax_qty = -1\n", "CONFIG_RANGE", "9", "limits.each.max_qty"),
    ("B12 leverage 0", HEAD + "[account]\nleverage = 0\n", "CONFIG_RANGE", "9", "account.leverage"),
    ("B12 leverage 0.5", HEAD + "[account]\nleverage = 0.5\n", "CONFIG_RANGE", "9", "account.leverage"),
    ("B12 leverage 1000", HEAD + "[account]\nleverage = 1000\n", "CONFIG_RANGE", "9", "account.leverage"),
    (
        "B12 above the venue's",
        HEAD + "[account]\nleverage = 126\n",
        "LEVERAGE_ABOVE_MAX",
        "9",
        "account.leverage",
    ),
    (
        "B13 percent above 100",
        HEAD + "[limits]\ndrawdown_pct = 101\n",
        "CONFIG_RANGE",
        "9",
        "limits.drawdown_pct",
    ),
    ("B13 rate as percent", HEAD + "[costs]\ntaker_rate = 5\n", "CONFIG_RANGE", "9", "costs.taker_rate"),
    (
        "B13 exposure as percent",
        HEAD + "[limits]\nmax_exposure_total_x = 50\n",
        "CONFIG_CONFLICT",
        "9",
        "limits.max_exposure_total_x",
    ),
    (
        "B14 leverage above its limit",
        HEAD + "[account]\nleverage = 5\n[limits]\nmax_leverage = 3\n",
        "CONFIG_CONFLICT",
        "9",
        "account.leverage",
    ),
    (
        "B14 rebate above the fee",
        HEAD + "[costs]\nmaker_rate = -0.001\ntaker_rate = 0.0005\n",
        "CONFIG_CONFLICT",
        "9",
        "costs.maker_rate",
    ),
    (
        "B15 one strategy and several",
        HEAD + '[[strategies]]\nstrategy = "dca_grid"\n',
        "CONFIG_CONFLICT",
        "8",
        "strategies",
    ),
    (
        "B14 decides more often than it sees",
        HEAD.replace('"1h"\n', '"1h"\ndecide_on = "30m"\n'),
        "CONFIG_CONFLICT",
        "8",
        "market.decide_on",
    ),
    (
        "B14 half a pair",
        HEAD + '[limits.legs.pair]\nsymbols = ["BTCUSDT"]\nmax_unhedged_notional = 1\nmax_unhedged_s = 1\n',
        "CONFIG_CONFLICT",
        "9",
        "limits.legs.pair.symbols",
    ),
    (
        "B15 two wallets of one currency",
        'wallets = [{ amount = 1, currency = "USDT" }]\n' + HEAD,
        "CONFIG_CONFLICT",
        "1",
        "wallets.0",
    ),
    (
        "B15 share without volume",
        HEAD + "[costs]\nfill_share_pct = 5\n",
        "CONFIG_CONFLICT",
        "9",
        "costs.fill_share_pct",
    ),
    ("B16 venue", HEAD.replace("binance_usdm", "bybitt"), "EXCHANGE_UNKNOWN", "5", "market.venue"),
    (
        "B17 no hedging there",
        HEAD.replace("binance_usdm", "hyperliquid") + '[account]\nposition_mode = "hedge"\n',
        "EXCHANGE_UNSUPPORTED",
        "9",
        "account.position_mode",
    ),
    ("B18 slash", HEAD.replace('"BTCUSDT"', '"BTC/USDT"'), "SYMBOL_UNKNOWN", "6", "market.symbols.0"),
    ("B18 colon", HEAD.replace('"BTCUSDT"', '"btc/usdt:usdt"'), "SYMBOL_UNKNOWN", "6", "market.symbols.0"),
    (
        "B20 symbol twice",
        HEAD.replace('"BTCUSDT"', '"BTCUSDT", "BTCUSDT"'),
        "CONFIG_CONFLICT",
        "6",
        "market.symbols",
    ),
    ("B21 no symbol", HEAD.replace('"BTCUSDT"', ""), "CONFIG_EMPTY_LIST", "6", "market.symbols"),
    *[
        (f"B22 bars {bars!r}", HEAD.replace('"1h"', f'"{bars}"'), "TIMEFRAME_INVALID", "7", "market.bars")
        for bars in ("0m", "7x", "1M", "60", "", "1 h", "-1m", "1H")
    ],
    ("B22 bars 60", HEAD.replace('"1h"', "60"), "CONFIG_TYPE", "7", "market.bars"),
    ("B23 end before start", HEAD.replace("2024-02-01", "2023-02-01"), "DATE_RANGE", "2", "period.end"),
    ("B23 end is start", HEAD.replace("2024-02-01", "2024-01-01"), "DATE_RANGE", "2", "period.end"),
    ("B23 no bar long", HEAD.replace("2024-02-01", "2024-01-01T00:30:00Z"), "DATE_RANGE", "2", "period.end"),
    *[
        (f"B24 {date}", HEAD.replace('"2024-01-01"', date), "DATE_INVALID", "2", "period.start")
        for date in (
            '"2024-02-30"',
            '"2024-01-01T00:00:00"',
            "2024-01-01T00:00:00",
            "1704067200",
            "1704067200000",
            "1704067200000000",
            '"1704067200"',
            '"01.02.2024"',
            '"2024-1-1"',
            '""',
            '"1970-01-01"',
            '"9999-01-01"',
            "true",
        )
    ],
    ("B25 capital 0", HEAD.replace("10_000", "0"), "CONFIG_RANGE", "3", "capital.amount"),
    ("B25 capital negative", HEAD.replace("10_000", "-10"), "CONFIG_RANGE", "3", "capital.amount"),
    (
        "B28 word for true",
        HEAD + '[checks]\ncosts_doubled = "false"\n',
        "CONFIG_TYPE",
        "9",
        "checks.costs_doubled",
    ),
    (
        "B29 secret",
        HEAD + '[account]\napi_secret = "hunter2hunter2"\n',
        "SECRET_IN_CONFIG",
        "9",
        "account.api_secret",
    ),
    ("B34 10 MB", b"#" * 10_000_000, "CONFIG_TOO_LARGE", "", ""),
    ("B34 depth 1000", HEAD + "a = " + "[" * 1000 + "]" * 1000, "CONFIG_DEPTH", "8", ""),
    ("B35 UTF-16", HEAD.encode("utf-16"), "CONFIG_ENCODING", "", ""),
    ("B35 latin-1", (HEAD + '[report]\ntitle = "ü"\n').encode("latin-1"), "CONFIG_ENCODING", "9", ""),
    ("B35 foreign digits", HEAD.replace("10_000", "١٠"), "CONFIG_ENCODING", "3", ""),
    ("B35 zero width", HEAD.replace("strategy", "strat\u200begy"), "CONFIG_ENCODING", "1", ""),
    ("B35 right to left", HEAD.replace("BTCUSDT", "BTC\u202eTDSU"), "CONFIG_ENCODING", "6", ""),
    ("B35 tab in a name", HEAD.replace("BTCUSDT", "BTC\tUSDT"), "CONFIG_ENCODING", "6", "market.symbols.0"),
    ("B36 leading zero", HEAD.replace("10_000", "012"), "CONFIG_SYNTAX", "3", ""),
    ("B36 yes", HEAD + "[checks]\ncosts_doubled = yes\n", "CONFIG_SYNTAX", "9", ""),
    ("B37 newer", "schema_version = 2\n" + HEAD, "CONFIG_VERSION", "1", "schema_version"),
    ("B37 older", "schema_version = 0\n" + HEAD, "CONFIG_VERSION", "1", "schema_version"),
    (
        "B41 the same name twice",
        HEAD.split("\n", 1)[1] + '[[strategies]]\nstrategy = "a"\n[[strategies]]\nstrategy = "a"\n',
        "ID_INVALID",
        "9",
        "strategies.1.name",
    ),
    ("B41 too long", HEAD.replace("ema_cross", "x" * 33), "ID_INVALID", "1", "strategy"),
    ("B41 no name", HEAD.replace("ema_cross", "../evil"), "ID_INVALID", "1", "strategy"),
    ("B75 seed", HEAD + "[report]\nseed = -1\n", "CONFIG_RANGE", "9", "report.seed"),
    ("B75 huge seed", HEAD + "[report]\nseed = 1e30\n", "CONFIG_TYPE", "9", "report.seed"),
    ("B77 fee of 100", HEAD + "[costs]\nmaker_rate = 100\n", "CONFIG_RANGE", "9", "costs.maker_rate"),
    ("B77 fee of -5 %", HEAD + "[costs]\nmaker_rate = -0.05\n", "CONFIG_RANGE", "9", "costs.maker_rate"),
]


@pytest.mark.parametrize(
    ("content", "code", "line", "key"), [row[1:] for row in FILES], ids=[row[0] for row in FILES]
)
def test_a_bad_file_is_refused_with_its_line(desk, refuse, content, code, line, key):
    name = toml(desk, content)
    fields = refuse(desk.root, ["config", "show", name], code)
    assert fields["where"] == (f"{name}:{line}" if line else name)
    assert fields["key"] == key
    assert "hunter2" not in json.dumps(fields)


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (HEAD + "[account]\nlevarage = 3\n", "'leverage'"),
        (HEAD.replace("binance_usdm", "bybit_linearr"), "'bybit_linear'"),
        (HEAD.replace('"BTCUSDT"', '"BTC/USDT"'), "'BTCUSDT'"),
        (HEAD.replace('"BTCUSDT"', '"btc/usdt:usdt"'), "'BTCUSDT'"),
        (HEAD + '[costs]\nfill = "strickt"\n', "'strict'"),
    ],
)
def test_the_nearest_right_word_is_offered(desk, capsys, content, hint):
    assert run_command(["config", "show", toml(desk, content)]) == 2
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize("symbol", ["../../etc", "/etc", "a/b/c", "BTC USDT", "bybit_linear:BTC/USDT"])
def test_no_word_is_offered_for_a_symbol_that_resembles_none(desk, capsys, symbol):
    """The answer to a path was "did you mean '....ETC'?"."""
    assert run_command(["config", "show", toml(desk, HEAD.replace('"BTCUSDT"', f'"{symbol}"'))]) == 2
    said = capsys.readouterr().err
    assert "is not how a venue writes a symbol" in said
    assert "did you mean" not in said


def test_b23_the_sentence_says_what_is_wrong_with_the_period(desk, capsys):
    run_command(["config", "show", toml(desk, HEAD.replace("2024-02-01", "2023-02-01"))])
    assert "not after its start" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    [
        HEAD.replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + HEAD.encode(),
        HEAD.replace('"2024-01-01"', "2024-01-01").encode(),
        HEAD.replace('"2024-01-01"', '"2024-01-01T00:00:00+02:00"').encode(),
        HEAD.replace(" = ", "\t=\t").encode(),
        (HEAD + "[costs]\nmaker_rate = -0.0001\n").encode(),
        (HEAD + "[report]\ntitle = 'Grüße'\n").encode(),
    ],
    ids=[
        "B35 CRLF",
        "B35 BOM",
        "B24 bare date",
        "B24 zone",
        "B35 tabs",
        "B11 negative maker fee",
        "B35 letters",
    ],
)
def test_what_only_looks_bad_is_read(desk, capsys, content):
    assert run_command(["config", "show", toml(desk, content)]) == 0
    assert "ema_cross" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("missing.toml", "PATH_INVALID"),
        ("backtests", "PATH_INVALID"),
        ("/", "PATH_INVALID"),
        ("a\0b.toml", "PATH_INVALID"),
        ("x" * 5000, "PATH_INVALID"),
    ],
    ids=["missing", "folder", "root", "NUL", "long"],
)
def test_b33_a_path_that_is_no_file(desk, refuse, name, code):
    refuse(desk.root, ["config", "show", name], code)


@pytest.mark.parametrize("path", ["../outside", "/etc", "~/x", "a/../../b"])
def test_b33_settings_cannot_lead_out_of_the_workspace(desk, refuse, path):
    desk.settings_file.write_text(f'[paths]\nruns = "{path}"\n')
    fields = refuse(desk.root, ["config", "show"], "PATH_DENIED")
    assert (fields["where"], fields["key"]) == (f"{desk.settings_file}:2", "paths.runs")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nonsense"], "USAGE"),
        (["config", "nonsense"], "USAGE"),
        (["config", "show", "--nonsense"], "USAGE"),
        (["config", "show", "--set"], "USAGE"),
        (["config", "show", "--set", "nonsense"], "USAGE"),
        (["config", "show", "--set", "nonsense=1"], "CONFIG_UNKNOWN_KEY"),
        (["config", "show", "--set", "paths.data=a", "--set", "paths.data=b"], "CONFIG_CONFLICT"),
        (["config", "show", "--workspace", "nowhere"], "WORKSPACE_MISSING"),
        (["new"], "USAGE"),
        (["new", "."], "WORKSPACE_EXISTS"),
        (["new", "a\0b"], "PATH_INVALID"),
        (["new", "backtests/first.toml"], "WORKSPACE_EXISTS"),
        (["new", "backtests/first.toml/below"], "PATH_INVALID"),
    ],
)
def test_a_bad_command_is_refused(desk, refuse, arguments, code):
    refuse(desk.root, arguments, code)


@pytest.mark.parametrize(
    "words",
    [
        ["config", "show"],
        ["trade", "--paper", "sessions/first.toml"],
        ["trade", "--live", "sessions/first.toml"],
    ],
)
@pytest.mark.parametrize("url", ["http://127.0.0.1:9/ping", "https://localhost:9/ping"])
def test_a_heartbeat_to_this_machine_is_refused_by_all_that_reads_the_settings(desk, refuse, words, url):
    desk.settings_file.write_text(f'heartbeat_url = "{url}"\n')
    fields = refuse(desk.root, words, "URL_REFUSED")
    assert (fields["where"], fields["key"]) == (f"{desk.settings_file}:1", "heartbeat_url")


def test_the_doctor_names_a_heartbeat_to_this_machine(desk, capsys):
    desk.settings_file.write_text('heartbeat_url = "http://127.0.0.1:9/ping"\n')
    assert run_command(["doctor"]) != 0
    said = capsys.readouterr()
    assert "URL_REFUSED" in said.out + said.err
    assert "heartbeat_url" in said.out + said.err
