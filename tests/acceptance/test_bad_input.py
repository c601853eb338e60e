"""Bad input, as a person meets it: a code in the one form, an exit status, nothing written, nothing lost.

Each row carries the number of the list of bad inputs. The command line runs in this process; what it prints and
what it leaves on the disk is compared.
"""

import gzip
import hashlib
import json
import re
from pathlib import Path

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

FIRST_LINE = re.compile(r"[A-Z][A-Z0-9_]+(  \S.*)?")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch) -> Workspace:
    workspace = Workspace.create(tmp_path / "desk")
    monkeypatch.chdir(workspace.root)
    return workspace


def snapshot(folder: Path) -> dict[str, str]:
    """Return every file below a folder with its digest."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else "folder"
        for path in sorted(folder.rglob("*"))
    }


def refuse(capsys, folder: Path, arguments: list[str], code: str, status: int = 2) -> dict:
    """Run a command that must fail with ``code``; return its error as JSON.

    The form on the terminal, the fields of the JSON, the status and the untouched disk are judged here.
    """
    before = snapshot(folder)
    capsys.readouterr()
    assert run_command(arguments) == status
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err
    lines = [line for line in printed.err.rstrip("\n").split("\n") if not line.startswith("importing")]
    assert lines[0].split("  ")[0] == code, printed.err
    assert len(lines) % 3 == 0, printed.err
    for place in range(0, len(lines), 3):
        assert FIRST_LINE.fullmatch(lines[place]), printed.err
        assert all(line.startswith("  ") and line.strip() for line in lines[place + 1 : place + 3]), (
            printed.err
        )
    assert run_command([*arguments, "--json"]) == status
    fields = json.loads(capsys.readouterr().out)
    assert (fields["code"], fields["exit_code"]) == (code, status)
    assert {"code", "where", "key", "message", "hint", "known", "exit_code"} <= set(fields)
    assert snapshot(folder) == before
    return fields


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
        for bars in ("0m", "7m", "1M", "60", "", "1 h", "-1m", "1H")
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
def test_a_bad_file_is_refused_with_its_line(desk, capsys, content, code, line, key):
    name = toml(desk, content)
    fields = refuse(capsys, desk.root, ["config", "show", name], code)
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
def test_b33_a_path_that_is_no_file(desk, capsys, name, code):
    refuse(capsys, desk.root, ["config", "show", name], code)


@pytest.mark.parametrize("path", ["../outside", "/etc", "~/x", "a/../../b"])
def test_b33_settings_cannot_lead_out_of_the_workspace(desk, capsys, path):
    desk.settings_file.write_text(f'[paths]\nruns = "{path}"\n')
    fields = refuse(capsys, desk.root, ["config", "show"], "PATH_DENIED")
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
def test_a_bad_command_is_refused(desk, capsys, arguments, code):
    refuse(capsys, desk.root, arguments, code)


# ---------------------------------------------------------------------------- history

START_MS = 1_704_067_200_000
HEADER = "ts,open,high,low,close,volume"


def candles(count: int = 60, step_ms: int = 60_000, start: int = START_MS) -> list[str]:
    """Return lines of sound bars."""
    rows = [
        (start + n * step_ms, 100 + n % 7, 108 + n % 7, 95 + n % 7, 101 + n % 7, 1.5) for n in range(count)
    ]
    return [",".join(map(str, row)) for row in rows]


def spoilt(row: int, column: int, value: object) -> list[str]:
    """Return sound bars with one value replaced."""
    lines = candles()
    cells = lines[row].split(",")
    cells[column] = str(value)
    lines[row] = ",".join(cells)
    return lines


FAR_MS = 3_786_912_000_000  # 2090


HISTORIES = [
    ("B43 nothing", [], "DATA_EMPTY"),
    ("B44 NaN", spoilt(7, 1, "nan"), "DATA_NOT_FINITE"),
    ("B44 inf", spoilt(7, 2, "inf"), "DATA_NOT_FINITE"),
    ("B44 empty cell", spoilt(7, 4, ""), "DATA_NOT_FINITE"),
    ("B45 volume NaN", spoilt(7, 5, "nan"), "DATA_NOT_FINITE DATA_RANGE"),
    ("B45 volume negative", spoilt(7, 5, -1), "DATA_RANGE"),
    ("B46 price zero", spoilt(7, 3, 0), "DATA_RANGE"),
    ("B46 price negative", spoilt(7, 3, -5), "DATA_RANGE"),
    ("B47 high below low", spoilt(7, 2, 90), "DATA_OHLC"),
    ("B47 low above open", spoilt(7, 3, 104), "DATA_OHLC"),
    ("B48 twins that differ", [*candles(), candles()[-1].replace("1.5", "2.5")], "DATA_CONFLICT"),
    ("B51 off the grid", spoilt(7, 0, START_MS + 7 * 60_000 + 13_000), "DATA_GRID DATA_TIMEFRAME"),
    ("B51 no unit", [line.replace("1704", "99991704", 1) for line in candles()], "DATA_TIME_UNIT"),
    ("B52 future", candles(start=FAR_MS), "DATA_FUTURE"),
    ("B53 wrong spacing", candles(step_ms=300_000), "DATA_TIMEFRAME"),
    ("B55 words", ["a,b,c,d,e,f", "g,h,i,j,k,l"], "DATA_SCHEMA DATA_CORRUPT"),
    (
        "B56 decimal comma",
        [line.replace(",", ";").replace(".", ",") for line in candles()],
        "DATA_CORRUPT DATA_SCHEMA",
    ),
    ("B56 cut off", [*candles(), "1704067200000,1"], "DATA_CORRUPT DATA_SCHEMA DATA_NOT_FINITE"),
]


def history(desk: Workspace, content: bytes, name: str = "BTCUSDT-1m.csv") -> str:
    """Write a file of history beside the workspace, which must not change."""
    path = desk.root.parent / name
    path.write_bytes(content)
    return str(path)


IMPORT = ["--venue", "binance_usdm", "--symbol", "BTCUSDT", "--bars", "1m"]


@pytest.mark.parametrize(
    ("lines", "codes"), [row[1:] for row in HISTORIES], ids=[row[0] for row in HISTORIES]
)
def test_bad_history_is_refused_and_nothing_is_stored(desk, capsys, lines, codes):
    good = history(
        desk, "\n".join([HEADER, *candles(200, start=START_MS - 10**9 // 6 * 6)]).encode(), "good.csv"
    )
    good = history(
        desk, "\n".join([HEADER, *candles(200, start=START_MS - 60_000 * 10_000)]).encode(), "good.csv"
    )
    assert run_command(["data", "import", good, *IMPORT]) == 0
    bad = history(desk, ("\n".join([HEADER, *lines]) + "\n").encode())
    before = {name: digest for name, digest in snapshot(desk.root).items() if "verified" not in name}
    capsys.readouterr()
    assert run_command(["data", "import", bad, *IMPORT]) == 3
    printed = capsys.readouterr()
    lines_shown = [line for line in printed.err.rstrip("\n").split("\n") if not line.endswith("refused")]
    assert lines_shown[0].split("  ")[0] in codes.split(), printed.err
    assert len(lines_shown) == 3, printed.err
    assert "Traceback" not in printed.err
    after = {name: digest for name, digest in snapshot(desk.root).items() if "verified" not in name}
    assert after == before


def test_b48_equal_twins_are_counted_and_b49_order_is_restored_by_the_import(desk, capsys):
    lines = candles()
    file = history(desk, "\n".join([HEADER, *reversed(lines), lines[3]]).encode())
    assert run_command(["data", "import", file, *IMPORT, "--json"]) == 0
    (series,) = json.loads(capsys.readouterr().out)["imported"]
    assert series["added"] == 60
    assert any("repeated" in note for note in series["notes"]), series


@pytest.mark.parametrize(
    ("name", "damage", "code"),
    [
        ("BTCUSDT-1m.csv.gz", lambda raw: gzip.compress(raw)[:-20], "DATA_CORRUPT"),
        ("BTCUSDT-1m.csv.gz", lambda raw: b"no gzip at all", "DATA_CORRUPT"),
        ("BTCUSDT-1m.zip", lambda raw: b"PK\x03\x04" + raw[:50], "DATA_CORRUPT"),
        ("BTCUSDT-1m.parquet", lambda raw: b"PAR1" + raw[:50] + b"PAR1", "DATA_CORRUPT"),
        ("BTCUSDT-1m.npy", lambda raw: raw[:50], "DATA_CORRUPT"),
    ],
    ids=["cut gzip", "no gzip", "broken zip", "broken parquet", "broken npy"],
)
def test_b56_a_damaged_file_is_refused(desk, capsys, name, damage, code):
    file = history(desk, damage("\n".join([HEADER, *candles()]).encode()), name)
    assert run_command(["data", "import", file, *IMPORT]) == 3
    text = capsys.readouterr().err
    assert text.split("  ")[0] in {code, "DATA_SCHEMA"}, text
    assert "Traceback" not in text


def test_b58_a_file_of_another_symbol_is_refused(desk, capsys):
    file = history(desk, "\n".join([HEADER, *candles()]).encode(), "ETHUSDT-1m-2024-01.csv")
    assert run_command(["data", "import", file, *IMPORT]) == 3
    assert capsys.readouterr().err.startswith("DATA_SYMBOL")


def test_one_bad_file_among_good_ones_keeps_only_itself_out(desk, capsys):
    good = history(desk, "\n".join([HEADER, *candles()]).encode(), "good.csv")
    bad = history(desk, "\n".join([HEADER, *spoilt(7, 1, "nan")]).encode(), "bad.csv")
    assert run_command(["data", "import", bad, good, *IMPORT]) == 3
    assert "bad.csv" in capsys.readouterr().err
    assert run_command(["data", "list", "--json"]) == 0
    (series,) = json.loads(capsys.readouterr().out)["series"]
    assert series["rows"] == 60


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["data", "import", "nowhere.csv"], "PATH_INVALID"),
        (["data", "import", "a\0b.csv"], "PATH_INVALID"),
        (["data", "import", "strategies"], "PATH_INVALID"),
        (["data", "import", "strategies/first.py"], "PATH_INVALID"),
        (["data", "import", "tradewind.toml", "--kind", "candles"], "USAGE"),
        (["data", "import", "tradewind.toml", "--bars", "7m"], "TIMEFRAME_INVALID"),
        (["data", "import"], "USAGE"),
        (["data", "generate", "--symbols", ""], "CONFIG_EMPTY_LIST"),
        (["data", "generate", "--symbols", "../x"], "ID_INVALID"),
        (["data", "generate", "--seed", "-1"], "CONFIG_RANGE"),
        (["data", "generate", "--seed", str(2**70)], "CONFIG_RANGE"),
        (["data", "generate", "--start", "2024-02-30"], "DATE_INVALID"),
        (["data", "generate", "--start", "2026-01-01"], "DATE_RANGE"),
        (["data", "generate", "--start", "2010-01-01", "--end", "2099-01-01"], "CONFIG_RANGE"),
        (["data", "generate", "--bars", "60"], "TIMEFRAME_INVALID"),
        (["data", "check", "--for", "nowhere.toml"], "PATH_INVALID"),
    ],
)
def test_a_bad_data_command_is_refused(desk, capsys, arguments, code):
    refuse(capsys, desk.root, arguments, code)


def test_what_is_not_there_is_not_found(desk, capsys):
    refuse(capsys, desk.root, ["data", "show", "BTCUSDT"], "DATA_MISSING", 3)
    refuse(capsys, desk.root, ["run", "show", "nothing"], "RUN_UNKNOWN", 6)
    refuse(capsys, desk.root, ["run", "open", "../../etc"], "RUN_UNKNOWN", 6)


# ---------------------------------------------------------------------------- strategies

SOUND = """\
\"\"\"A strategy.\"\"\"
from tradewind.strategies import LONG, SET, Number, Whole, target

class Params:
    period = Whole(20, 2, 500)
    size_pct = Number(10.0, 0.1, 100.0)

class Memory:
    bars: int

def decide(view, account, working, params, memory, intents):
    memory.bars = view.bars
    target(intents, LONG, 0)
    return SET
"""

STRATEGIES = [
    ("B76 syntax", SOUND.replace("return SET", "return ("), "STRATEGY_LOAD"),
    ("B76 missing import", SOUND.replace("import LONG", "import NOTHING, LONG"), "STRATEGY_LOAD"),
    ("B76 missing module", "import no_such_module\n" + SOUND, "STRATEGY_LOAD"),
    ("B76 no decide", SOUND.replace("def decide", "def decided"), "STRATEGY_LOAD STRATEGY_UNKNOWN"),
    ("B76 not UTF-8", SOUND.encode().replace(b"A strategy", b"A str\xe4tegy"), "STRATEGY_LOAD"),
    ("B76 NUL", SOUND.encode().replace(b"A strategy", b"A str\0tegy"), "STRATEGY_LOAD"),
    ("B76 empty", b"", "STRATEGY_LOAD STRATEGY_UNKNOWN"),
    ("B76 error while loading", SOUND + "\nx = 1 / 0\n", "STRATEGY_LOAD"),
    ("B76 leaves", SOUND + "\nraise SystemExit(3)\n", "STRATEGY_LOAD"),
    ("B73 default outside its range", SOUND.replace("20, 2, 500", "1, 2, 500"), "STRATEGY_LOAD"),
    ("B73 range upside down", SOUND.replace("20, 2, 500", "20, 500, 2"), "STRATEGY_LOAD"),
    ("B73 fraction as a whole", SOUND.replace("20, 2, 500", "20.5, 2, 500"), "STRATEGY_LOAD"),
    ("B73 endless range", SOUND.replace("10.0, 0.1, 100.0", "10.0, 0.1, float('inf')"), "STRATEGY_LOAD"),
    (
        "B72 returns words",
        SOUND.replace("return SET", "return 'SET'"),
        "STRATEGY_LINT STRATEGY_COMPILE STRATEGY_OUTPUT",
    ),
    ("B72 an unknown name", SOUND.replace("return SET", "return SETT"), "STRATEGY_LINT STRATEGY_COMPILE"),
    (
        "B72 a fraction of a lot",
        SOUND.replace("LONG, 0)", "LONG, 0.5)"),
        "STRATEGY_LINT STRATEGY_COMPILE",
    ),
    (
        "B72 writes to the account",
        SOUND.replace("memory.bars = view.bars", "account.equity = 1"),
        "STRATEGY_LINT STRATEGY_COMPILE",
    ),
]


@pytest.mark.parametrize(
    ("content", "codes"), [row[1:] for row in STRATEGIES], ids=[row[0] for row in STRATEGIES]
)
def test_a_bad_strategy_is_refused_with_its_file(desk, capsys, content, codes):
    path = desk.strategies / "bad.py"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    before = {name: digest for name, digest in snapshot(desk.root).items() if "__pycache__" not in name}
    capsys.readouterr()
    status = run_command(["strategy", "check", "bad"])
    text = capsys.readouterr().err
    lines = text.rstrip("\n").split("\n")
    assert lines[0].split("  ")[0] in codes.split(), text
    assert status == (6 if lines[0].startswith("STRATEGY_UNKNOWN") else 2)
    assert len(lines) % 3 == 0, text
    assert "Traceback" not in text
    assert "numba" not in text.lower()
    if status == 2:
        assert "bad.py" in lines[0], text
    assert {n: d for n, d in snapshot(desk.root).items() if "__pycache__" not in n} == before


def test_b76_a_bad_strategy_does_not_hide_the_others(desk, capsys):
    (desk.strategies / "bad.py").write_text(SOUND.replace("return SET", "return ("))
    assert run_command(["strategy", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert "first" in {strategy["name"] for strategy in listed["strategies"]}
    assert [error["code"] for error in listed["errors"]] == ["STRATEGY_LOAD"]


def test_b41_a_name_is_not_taken_twice(desk, capsys):
    refuse(capsys, desk.root, ["strategy", "new", "first"], "ID_INVALID")
    refuse(capsys, desk.root, ["strategy", "new", "ema_cross"], "ID_INVALID")
    for name in ("", "A", "a b", "../a", "a.py", "1a", "a-b", "ä", "x\0y"):
        refuse(capsys, desk.root, ["strategy", "new", name], "ID_INVALID")
    refuse(capsys, desk.root, ["strategy", "show", "nothing"], "STRATEGY_UNKNOWN", 6)
