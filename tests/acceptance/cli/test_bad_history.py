"""Bad history and bad rules of venues: a code with its place, status 3, and a store left as it was."""

import gzip
import json

import pytest

from tradewind.cli.entry import run_command
from tradewind.config import Workspace

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
def test_bad_history_is_refused_and_nothing_is_stored(desk, snapshot, capsys, lines, codes):
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


def settlements(count: int = 30, rate: float = 0.0001) -> list[str]:
    return [f"{START_MS + n * 8 * 3_600_000},{rate}" for n in range(count)]


@pytest.mark.parametrize(
    ("lines", "codes"),
    [
        (settlements(rate=0.5), "FUNDING_RANGE"),
        ([*settlements(5), f"{START_MS},0.0002"], "DATA_CONFLICT FUNDING_CONFLICT"),
        ([*settlements(5), f"{START_MS + 40 * 3_600_000},nan"], "DATA_NOT_FINITE"),
        ([], "DATA_EMPTY"),
    ],
    ids=["B59 percent", "B59 twice and different", "B59 NaN", "B43 nothing"],
)
def test_b59_bad_funding_is_refused(desk, capsys, lines, codes):
    bad = history(desk, "\n".join(["ts,rate", *lines]).encode(), "BTCUSDT-funding.csv")
    assert (
        run_command(
            ["data", "import", bad, "--venue", "binance_usdm", "--symbol", "BTCUSDT", "--kind", "funding"]
        )
        == 3
    )
    text = capsys.readouterr().err
    assert text.split("  ")[0] in codes.split(), text
    assert "Traceback" not in text


def test_b59_missing_and_superfluous_settlements_are_found_by_the_check(desk, capsys):
    rows = settlements()
    odd = f"{START_MS + 3 * 3_600_000 + 1_800_000},0.0001"
    file = history(desk, "\n".join(["ts,rate", *rows[:9], odd, *rows[11:]]).encode(), "BTCUSDT-funding.csv")
    assert (
        run_command(
            ["data", "import", file, "--venue", "binance_usdm", "--symbol", "BTCUSDT", "--kind", "funding"]
        )
        == 0
    )
    capsys.readouterr()
    assert run_command(["data", "check", "--json"]) == 0
    (series,) = json.loads(capsys.readouterr().out)["series"]
    assert "FUNDING_MISSING" in {kind["code"] for kind in series["kinds"]}


def exchange_info(**changes: object) -> bytes:
    """Return an answer of Binance with one instrument, one of whose fields is replaced."""
    rules = {
        "tickSize": "0.10",
        "stepSize": "0.001",
        "minQty": "0.001",
        "maxQty": "1000",
        "notional": "100",
    } | changes
    filters = [
        {"filterType": "PRICE_FILTER", "tickSize": rules["tickSize"], "minPrice": "1", "maxPrice": "1000000"},
        {
            "filterType": "LOT_SIZE",
            "stepSize": rules["stepSize"],
            "minQty": rules["minQty"],
            "maxQty": rules["maxQty"],
        },
        {"filterType": "MIN_NOTIONAL", "notional": rules["notional"]},
    ]
    symbol = {
        "symbol": "BTCUSDT",
        "pair": "BTCUSDT",
        "contractType": "PERPETUAL",
        "status": "TRADING",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "onboardDate": 1569398400000,
        "deliveryDate": 4133404800000,
        "liquidationFee": "0.0125",
        "filters": filters,
    }
    return json.dumps({"timezone": "UTC", "serverTime": START_MS, "symbols": [symbol]}).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"tickSize": "0"},
        {"stepSize": "0"},
        {"minQty": "10", "maxQty": "1"},
        {"tickSize": "1e-30"},
        {"tickSize": "NaN"},
    ],
    ids=["tick 0", "step 0", "min above max", "tick 1e-30", "tick NaN"],
)
def test_b62_impossible_rules_leave_the_symbol_out(desk, capsys, changes):
    sound = history(desk, exchange_info(), "exchangeInfo.json")
    assert run_command(["data", "import", sound, "--venue", "binance_usdm"]) == 0
    capsys.readouterr()
    bad = history(desk, exchange_info(**changes), "exchangeInfo.json")
    status = run_command(["data", "import", bad, "--venue", "binance_usdm"])
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    assert (status == 0 and "1 left out" in printed.out) or printed.err.startswith("MARKET_RULES_INVALID"), (
        printed
    )


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
def test_a_bad_data_command_is_refused(desk, refuse, arguments, code):
    refuse(desk.root, arguments, code)


def test_a_length_that_is_made_of_finer_bars_says_so(desk, refuse):
    error = refuse(desk.root, ["data", "generate", "--bars", "7m"], "TIMEFRAME_INVALID")
    assert error["message"] == "bars of 7m are made, not stored."
    assert 'bars = "7m"' in error["hint"]
    assert "1m" in error["known"]


def test_what_is_not_there_is_not_found(desk, refuse):
    refuse(desk.root, ["data", "show", "BTCUSDT"], "DATA_MISSING", 3)
    refuse(desk.root, ["run", "show", "nothing"], "RUN_UNKNOWN", 6)
    refuse(desk.root, ["run", "open", "../../etc"], "RUN_UNKNOWN", 6)
