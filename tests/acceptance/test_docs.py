"""Each page does what it says: its files are written, its commands run, its output appears.

A page is played from top to bottom in an empty folder. ```` ```console ```` blocks hold commands after ``$ ``
and lines of their output, in order (a line of ``…`` stands for anything). A block with ``title="path"`` is a
file. A ``python`` block without a title is a script of its own. ``<!-- exit: 2 -->`` before a block says how
its last command ends; ``<!-- not run: why -->`` exempts a block.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(
    r"^(?:<!-- (?P<mark>exit: \d+|not run: .+?) -->\n)?"
    r"```(?P<language>\w*)(?P<options>[^\n]*)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
PLAYED = {"console", "python"}
SHOWN = {"text", "toml", "json", "csv", "html", "mermaid"}


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    language: str
    title: str
    mark: str
    body: str
    line: int


def blocks_of(text: str) -> list[Block]:
    found = []
    for match in FENCE.finditer(text):
        title = re.search(r'title="([^"]+)"', match["options"])
        line = text.count("\n", 0, match.start()) + 1
        found.append(
            Block(match["language"], title[1] if title else "", match["mark"] or "", match["body"], line)
        )
    return found


class Player:
    """A shell that knows `cd` and finds the programs of this environment first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "NO_COLOR": "1",
            "COLUMNS": "110",
        }
        # The compiled kernels are this machine's, not this page's: an empty home must not compile them anew.
        self.environment.setdefault("XDG_CACHE_HOME", str(Path.home() / ".cache"))

    def run(self, command: list[str]) -> tuple[int, str]:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def console(self, block: Block) -> None:
        """Run the commands of a block and look for the output that the page shows under each."""
        parts = re.split(r"^\$ ", block.body, flags=re.MULTILINE)
        assert parts[0] == "", f"line {block.line}: a console block begins with a command"
        expected_exit = int(block.mark.removeprefix("exit: ") or 0)
        for number, part in enumerate(parts[1:], start=1):
            command, _, shown = part.partition("\n")
            if command.startswith("cd "):
                self.folder = self.folder / command.removeprefix("cd ")
                continue
            code, output = self.run(["bash", "-c", command])
            wanted = expected_exit if number == len(parts) - 1 else 0
            assert code == wanted, f"line {block.line}: $ {command}\nexit {code}, not {wanted}\n{output}"
            check_output(output, shown, f"line {block.line}: $ {command}")

    def python(self, block: Block) -> None:
        code, output = self.run([sys.executable, "-c", block.body])
        wanted = int(block.mark.removeprefix("exit: ") or 0)
        assert code == wanted, f"line {block.line}: python block\nexit {code}, not {wanted}\n{output}"

    def file(self, block: Block) -> None:
        path = self.folder / block.title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.body)


def check_output(output: str, shown: str, place: str) -> None:
    """Assert that the shown lines stand in the output, in order; a line of … stands for anything."""
    lines = iter([line.strip() for line in output.splitlines()])
    for wanted in (line.strip() for line in shown.splitlines()):
        if wanted in ("", "…"):
            continue
        assert any(wanted == line for line in lines), f"{place}\nnot in the output: {wanted}\n{output}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_each_block_says_what_it_is(page):
    for block in blocks_of(page.read_text()):
        assert block.language in PLAYED | SHOWN, (
            f"line {block.line}: nobody would run a {block.language!r} block"
        )


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_page_plays(page, tmp_path):
    player = Player(tmp_path)
    for block in blocks_of(page.read_text()):
        if block.mark.startswith("not run"):
            continue
        if block.title:
            player.file(block)
        elif block.language == "console":
            player.console(block)
        elif block.language == "python":
            player.python(block)


def test_readme_points_at_what_is_there():
    links = re.findall(r"\]\(([^)#]+)", (ROOT / "README.md").read_text())
    assert len(links) > 8
    missing = [link for link in links if "://" not in link and not (ROOT / link).exists()]
    assert not missing


def test_site_builds_strictly_and_needs_no_other_site(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = re.compile(r'<(?:script|img|link|iframe)\b[^>]*\b(?:src|href)="(https?:)?//[^"]*"')
    fetching = [p.name for p in tmp_path.rglob("*.html") if loaded.search(p.read_text())]
    assert not fetching


@pytest.mark.parametrize("shown", ["one\n…\nthree", "two", "", "one\ntwo\nthree"])
def test_output_check_accepts_what_is_there(shown):
    check_output("one\ntwo\nthree\n", shown, "here")


@pytest.mark.parametrize("shown", ["four", "three\none", "tw"])
def test_output_check_refuses_what_is_not(shown):
    with pytest.raises(AssertionError, match="not in the output"):
        check_output("one\ntwo\nthree\n", shown, "here")


def test_blocks_are_read_with_marks_and_titles():
    text = '<!-- exit: 2 -->\n```console\n$ false\n```\n\n```toml title="a/b.toml"\nx = 1\n```\n'
    first, second = blocks_of(text)
    assert (first.language, first.mark, first.body) == ("console", "exit: 2", "$ false\n")
    assert (second.title, second.line, shlex.split(second.body)) == ("a/b.toml", 6, ["x", "=", "1"])
