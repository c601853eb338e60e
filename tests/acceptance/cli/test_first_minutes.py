"""The first minutes of a user: demo, workspace, history, backtest, the stored run, paper, the journal."""

import json
import os
import re
import signal
from pathlib import Path

import pytest

from tradewind.cli.entry import run_command

DAYS = ["--symbols", "BTCUSDT", "--start", "2024-01-01", "--end", "2024-01-04"]
SHORT = """\
strategy = "first"
period   = { start = "2024-01-01", end = "2024-01-04" }
capital  = { amount = 10_000, currency = "USDT" }
[market]
venue = "generated"
symbols = ["BTCUSDT"]
bars = "1m"
[params]
fast_period = 10
slow_period = 30
[checks]
lookahead_cuts = 2
costs_doubled = false
[report]
bootstrap_samples = 20
[data]
flat = "accept"
zero_volume = "accept"
outliers = "accept"
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Path:
    """Return a workspace with three days of generated minutes."""
    folder = tmp_path_factory.mktemp("first") / "desk"
    assert run_command(["new", str(folder)]) == 0
    (folder / "backtests" / "short.toml").write_text(SHORT)
    assert run_command(["data", "generate", *DAYS, "--workspace", str(folder)]) == 0
    return folder


@pytest.fixture
def answer(desk, monkeypatch, capsys):
    """Return a function that runs a command in the workspace and returns its JSON."""
    monkeypatch.chdir(desk)

    def run(*arguments: str, status: int = 0) -> dict:
        capsys.readouterr()
        assert run_command([*arguments, "--json"]) == status, capsys.readouterr()
        printed = capsys.readouterr()
        assert printed.out.count("\n") == 1
        return json.loads(printed.out)

    return run


def backtest(answer, *more: str) -> dict:
    return answer("backtest", "backtests/short.toml", *more)


def test_a_backtest_leaves_a_run_that_is_complete(answer, desk):
    run = backtest(answer)
    assert {"run_id", "run_dir", "metrics", "hashes", "checks", "warnings"} <= set(run)
    assert {"data", "config", "code", "decisions"} <= set(run["hashes"])
    folder = Path(run["run_dir"])
    assert folder.parent == desk / "runs"
    names = {path.name for path in folder.iterdir()}
    tables = {f"{name}.parquet" for name in ("fills", "orders", "funding", "equity", "refused")}
    assert tables | {"run.toml", "metrics.json", "report.html", "checks.json"} <= names
    assert not [path for path in (desk / "runs").iterdir() if path.name.startswith(".")]
    assert all(check["verdict"] != "fail" for check in run["checks"]), run["checks"]


def test_a_run_is_listed_shown_compared_and_run_again(answer):
    first, second = backtest(answer), backtest(answer, "--set", "costs.slippage_bps=5")
    listed = {run["run_id"] for run in answer("run", "list")["runs"]}
    assert {first["run_id"], second["run_id"]} <= listed
    assert answer("run", "show", first["run_id"])["metrics"] == first["metrics"]
    assert answer("run", "show")["run_id"] == second["run_id"]
    comparison = answer("run", "compare", first["run_id"], second["run_id"])
    assert comparison["runs"] == [first["run_id"], second["run_id"]]
    assert any("slippage" in row["name"] for row in comparison["rows"])
    assert answer("run", "verify", first["run_id"])["same"] is True
    assert answer("run", "open", first["run_id"])["report"].endswith("report.html")


def test_the_list_of_runs_shows_numbers_as_the_summary_does(answer, desk, monkeypatch, capsys):
    run = backtest(answer)
    assert run_command(["run", "show", run["run_id"]]) == 0
    summary = capsys.readouterr().out
    assert run_command(["run", "list"]) == 0
    (line,) = [each for each in capsys.readouterr().out.splitlines() if each.startswith(run["run_id"])]
    cells = re.split(r"  +", line)
    assert cells[1] == "first"
    assert cells[2].endswith("%")
    assert all(cell in summary for cell in cells[2:6])
    doubtful = [check["name"] for check in run["checks"] if check["verdict"] == "warn"]
    assert cells[-1] == (f"doubtful: {', '.join(doubtful)}" if doubtful else "passed")


def test_the_same_backtest_twice_decides_the_same(answer):
    one, two = backtest(answer), backtest(answer)
    assert one["hashes"] == two["hashes"]
    assert one["run_id"] != two["run_id"]


def test_a_run_whose_decisions_differ_is_said_to(answer, desk):
    run = backtest(answer)
    checks = Path(run["run_dir"]) / "checks.json"
    checks.write_text(
        checks.read_text().replace(run["hashes"]["decisions"], "0" * len(run["hashes"]["decisions"]))
    )
    error = answer("run", "verify", run["run_id"], status=3)
    assert error["code"] == "REPLAY_DIFFERS"
    assert run["hashes"]["decisions"] in error["message"]


def test_paper_decides_what_the_backtest_decided_and_the_journal_tells_why(answer):
    run = backtest(answer)
    session = answer(
        "trade", "--paper", "backtests/short.toml", "--feed", "replay:all", "--session", "paper_one"
    )
    assert session["finished"] is True
    assert session["hashes"]["decisions"] == run["hashes"]["decisions"]
    assert session["fills"] > 0
    assert answer("journal", "verify", "paper_one")["verdict"] == "whole"
    replayed = answer("journal", "replay", "paper_one")
    assert replayed["decisions_hash"] == run["hashes"]["decisions"]
    story = answer("journal", "explain", "last", "--session", "paper_one")
    stages = [step["stage"] for step in story["steps"]]
    assert stages[0] == "fact"
    assert {"intent", "gate", "request", "fill"} <= set(stages)
    told = {step["stage"]: step["detail"] for step in story["steps"]}
    assert told["request"]["price"] == "market"
    assert told["fee"]["amount"].endswith(" USDT")
    exported = answer("journal", "export", "paper_one", "--output", "paper_one.jsonl")
    records = [json.loads(line) for line in Path(exported["file"]).read_text().splitlines()]
    reasons = [reason for record in records if record["kind"] == "decision" for reason in record["reasons"]]
    assert len(reasons) == session["requests"]
    wanted = [reason["intent"] for reason in reasons if reason["intent"]]
    assert all(intent["slot"] == reason["slot"] for reason in reasons if (intent := reason["intent"]))
    assert len(wanted) > 0
    status = answer("session", "status", "paper_one")
    assert (status["state"], status["finished"], status["starts"]) == ("stopped", True, 1)
    again = answer(
        "trade", "--paper", "backtests/short.toml", "--feed", "replay:all", "--session", "paper_one"
    )
    assert again["hashes"] == session["hashes"]
    assert again["process"] == 2


def test_paper_told_to_stop_says_so_once_and_goes_on(answer, desk, capsys):
    command = ("trade", "--paper", "backtests/short.toml", "--feed", "replay:all", "--session", "paper_slow")

    def stop_once_it_listens(*_: object) -> None:
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.setitimer(signal.ITIMER_REAL, 0.2)
        else:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGALRM, stop_once_it_listens)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        stopped = answer(*command, "--speed", "1x", status=130)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert stopped["finished"] is False
    assert "interrupted" not in capsys.readouterr().err
    assert answer(*command)["finished"] is True


def test_b42_a_session_is_not_continued_with_other_settings(answer):
    feed = ["--feed", "replay:2024-01-01..2024-01-02", "--session", "paper_two"]
    answer("trade", "--paper", "backtests/short.toml", *feed)
    error = answer(
        "trade", "--paper", "backtests/short.toml", *feed, "--set", "params.fast_period=11", status=5
    )
    assert error["code"] == "JOURNAL_IDENTITY"


def test_a_strategy_is_checked_on_the_data_of_a_file(answer):
    found = answer("strategy", "check", "first", "--for", "backtests/short.toml")
    assert found["compiles"] is True
    assert found["warmup"]["declared"] == 120
    assert re.fullmatch(r"none found in \d+ cuts", found["lookahead"])


def test_a_check_of_the_history_foresees_what_a_run_would_refuse(answer, capsys):
    assert answer("data", "check", "--for", "backtests/short.toml")["refused"] == 0
    text = Path("backtests/short.toml").read_text()
    Path("backtests/longer.toml").write_text(re.sub(r'end = "[^"]+"', 'end = "2025-06-01"', text))
    error = answer("data", "check", "--for", "backtests/longer.toml", status=3)
    assert error["code"] == "DATA_MISSING"


def test_a_check_without_data_says_how_to_come_by_some(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "bare"
    assert run_command(["new", str(folder)]) == 0
    monkeypatch.chdir(folder)
    capsys.readouterr()
    assert run_command(["strategy", "check", "first"]) == 0
    said = capsys.readouterr().out
    assert "too little data" not in said
    assert "takes the data of a backtest file: --for FILE" in said
    assert said.endswith(
        "next: tradewind data generate\n      tradewind strategy check first --for backtests/first.toml\n"
    )
    assert run_command(["strategy", "check", "first", "--for", "backtests/first.toml"]) == 2
    assert "no history of generated here yet: tradewind data generate" in capsys.readouterr().err


REFUSED = [
    (
        "a parameter's name",
        ["--set", "params.fast_perod=3"],
        "CONFIG_UNKNOWN_KEY",
        2,
        "strategy.params.fast_perod",
    ),
    ("B73 zero", ["--set", "params.fast_period=0"], "PARAM_RANGE", 2, "strategy.params.fast_period"),
    ("B73 negative", ["--set", "params.fast_period=-1"], "PARAM_RANGE", 2, "strategy.params.fast_period"),
    ("B73 huge", ["--set", "params.fast_period=1000000"], "PARAM_RANGE", 2, "strategy.params.fast_period"),
    (
        "B08 whole fraction",
        ["--set", "params.fast_period=20.0"],
        "CONFIG_TYPE",
        2,
        "strategy.params.fast_period",
    ),
    ("B73 fraction", ["--set", "params.fast_period=1.5"], "CONFIG_TYPE", 2, "strategy.params.fast_period"),
    ("B73 word", ["--set", "params.fast_period=ten"], "CONFIG_TYPE", 2, "strategy.params.fast_period"),
    ("B07 true", ["--set", "params.size_pct=true"], "CONFIG_TYPE", 2, "strategy.params.size_pct"),
    ("B09 nan", ["--set", "params.size_pct=nan"], "CONFIG_NOT_FINITE", 2, "params.size_pct"),
    ("B18 unknown symbol", ["--set", "market.symbols=BTCUSDX"], "SYMBOL_UNKNOWN", 2, "market.symbols.0"),
    ("B16 unknown strategy", ["--set", "strategy=firsst"], "CONFIG_CHOICE", 2, "strategy"),
    (
        "B23 start in the future",
        ["--set", "period.end=2099-01-01", "--set", "period.start=2098-01-01"],
        "DATE_RANGE",
        2,
        "period.start",
    ),
    ("no history there", ["--set", "period.end=2024-02-01"], "DATA_MISSING", 3, "period.end"),
    ("no such bars", ["--set", "market.bars=30s"], "DATA_MISSING", 3, None),
    ("B57 too short", ["--set", "params.slow_period=20000"], "DATA_TOO_SHORT", 3, None),
    ("B26 capital of one cent", ["--set", "capital.amount=0.01"], "CONFIG_INFEASIBLE", 2, "capital.amount"),
    ("another currency", ["--set", "capital.currency=EUR"], "CONFIG_CONFLICT", 2, "capital.currency"),
]


@pytest.mark.parametrize(
    ("flags", "codes", "status", "key"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
@pytest.mark.parametrize("command", ["backtest", "trade"])
def test_what_cannot_be_run_is_refused_and_leaves_nothing(
    desk, monkeypatch, capsys, command, flags, codes, status, key
):
    monkeypatch.chdir(desk)
    before = sorted(map(str, [*(desk / "runs").iterdir(), *(desk / "journal").iterdir()]))
    words = ["backtest", "backtests/short.toml"]
    if command == "trade":
        words = ["trade", "--paper", "backtests/short.toml", "--feed", "replay:all", "--session", "never"]
    capsys.readouterr()
    found = run_command([*words, *flags])
    printed = capsys.readouterr()
    lines = [line for line in printed.err.rstrip("\n").split("\n") if not re.search(r", \d+ s$", line)]
    assert lines[0].split("  ")[0] in codes.split(), printed.err
    assert found == (status if status is not None else found) != 0
    assert len(lines) % 3 == 0, printed.err
    assert "Traceback" not in printed.err
    if key:
        assert lines[0].endswith(f"  {key}"), lines[0]
    assert sorted(map(str, [*(desk / "runs").iterdir(), *(desk / "journal").iterdir()])) == before


def test_the_error_of_the_product_page_comes_in_that_form(desk, monkeypatch, capsys):
    monkeypatch.chdir(desk)
    (desk / "backtests" / "typo.toml").write_text(SHORT.replace("fast_period", "fast_perod"))
    assert run_command(["backtest", "backtests/typo.toml"]) == 2
    assert capsys.readouterr().err == (
        "CONFIG_UNKNOWN_KEY  backtests/typo.toml:9  strategy.params.fast_perod\n"
        "  unknown parameter 'fast_perod' of first. Did you mean 'fast_period'?\n"
        "  known: fast_period (2..5000), slow_period (5..20000), size_pct (0.1..100)\n"
    )


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (["--feed", "replay:all", "--speed", "2x"], "USAGE"),
        (["--feed", "binance"], "USAGE"),
        (["--feed", "replay:"], "USAGE"),
        (["--feed", "replay:2024-01-02"], "USAGE"),
        (["--feed", "replay:2024-01-02..2024-01-01"], "DATE_RANGE"),
        (["--feed", "replay:x..y"], "DATE_INVALID"),
        (["--feed", "replay:all", "--session", "../x"], "ID_INVALID"),
        ([], "EXCHANGE_UNSUPPORTED"),
        (["--live", "sessions/first.toml"], "USAGE"),
    ],
)
def test_a_bad_session_is_refused(refuse, desk, monkeypatch, flags, code):
    monkeypatch.chdir(desk)
    refuse(desk / "journal", ["trade", "--paper", "backtests/short.toml", *flags], code)


@pytest.mark.soak
def test_the_demo_ends_at_a_picture(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_command(["demo"]) == 0
    printed = capsys.readouterr().out
    lines = printed.rstrip("\n").split("\n")
    assert len(lines) <= 24
    assert all(len(line) <= 120 for line in lines if str(tmp_path) not in line)  # a path is never folded
    assert sum(line.startswith(("next: ", "      ")) for line in lines[-3:]) == 3
    assert "checks" in printed
    (run,) = (tmp_path / "tradewind-demo" / "runs").iterdir()
    assert (run / "report.html").stat().st_size > 10_000
    assert run_command(["demo", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["checks"]
