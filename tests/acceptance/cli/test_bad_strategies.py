"""Bad strategy files: a code with file and line, never a traceback and never a message of the compiler."""

import json

import pytest

from tradewind.cli.entry import run_command

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
def test_a_bad_strategy_is_refused_with_its_file(desk, snapshot, capsys, content, codes):
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


def test_b41_a_name_is_not_taken_twice(desk, refuse):
    refuse(desk.root, ["strategy", "new", "first"], "ID_INVALID")
    refuse(desk.root, ["strategy", "new", "ema_cross"], "ID_INVALID")
    for name in ("", "A", "a b", "../a", "a.py", "1a", "a-b", "ä", "x\0y"):
        refuse(desk.root, ["strategy", "new", name], "ID_INVALID")
    refuse(desk.root, ["strategy", "show", "nothing"], "STRATEGY_UNKNOWN", 6)
