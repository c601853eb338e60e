"""Which strategies there are: the shipped ones, and the files in a workspace's folder."""

import ast
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from tradewind.errors import StrategyError
from tradewind.strategies.load import CompiledStrategy, DeclaredStrategy, compile_strategy, declare_strategy

__all__ = [
    "declare_named",
    "find_strategy",
    "list_strategies",
    "load_named",
    "shipped_folder",
    "strategy_files",
]


def shipped_folder() -> Path:
    """Return the folder of the strategies that come with tradewind."""
    return Path(__file__).resolve().parent / "shipped"


def strategy_files(folder: Path | None = None) -> Mapping[str, Path]:
    """Return name → file of every strategy: shipped ones, then those in a workspace's folder.

    A file without a `decide` is another file's helper and is not listed, unless its text cannot be read: its
    own error says why. Raises StrategyError (ID_INVALID) where two strategies have one name.
    """
    found = {path.stem: path for path in sorted(shipped_folder().glob("[a-z]*.py"))}
    for path in sorted(folder.glob("*.py")) if folder is not None and folder.is_dir() else ():
        if path.name.startswith("_") or not _may_be_strategy(path):
            continue
        if path.stem in found:
            raise StrategyError(
                "ID_INVALID",
                f"two strategies are called '{path.stem}': this one and a shipped one",
                where=str(path),
                hint="rename this file",
            )
        found[path.stem] = path
    return found


def find_strategy(name: str, folder: Path | None = None) -> Path:
    """Return the file of a strategy given by name, or by path where it ends in .py.

    A relative path counts from the workspace, the folder above `folder`. Raises StrategyError
    (STRATEGY_UNKNOWN, ID_INVALID).
    """
    if name.endswith(".py"):
        return _by_path(name, folder)
    files = strategy_files(folder)
    if name in files:
        return files[name]
    if folder is not None and name.isidentifier() and (folder / f"{name}.py").is_file():
        return folder / f"{name}.py"  # It has no decide(): its own error says what is missing, and where.
    close = get_close_matches(name, files, 1)
    guess = f" Did you mean '{close[0]}'?" if close else ""
    raise StrategyError("STRATEGY_UNKNOWN", f"no strategy is called '{name}'.{guess}", known=sorted(files))


def list_strategies(folder: Path | None = None) -> tuple[list[DeclaredStrategy], list[StrategyError]]:
    """Return what each strategy says of itself, and the errors of those that cannot be read. Compiles nothing."""
    declared: list[DeclaredStrategy] = []
    errors: list[StrategyError] = []
    for path in strategy_files(folder).values():
        try:
            declared.append(declare_strategy(path))
        except StrategyError as error:
            errors.append(error)
    return declared, errors


def declare_named(name: str, folder: Path | None = None) -> DeclaredStrategy:
    """Return what a strategy says of itself. Raises StrategyError."""
    return declare_strategy(find_strategy(name, folder))


def load_named(name: str, folder: Path | None = None) -> CompiledStrategy:
    """Find, check and compile a strategy. Raises StrategyError."""
    return compile_strategy(declare_named(name, folder))


def _by_path(name: str, folder: Path | None) -> Path:
    path = Path(name)
    if not path.is_absolute() and folder is not None:
        path = folder.parent / path
    if not path.is_file():
        raise StrategyError(
            "STRATEGY_UNKNOWN", f"there is no file '{name}'", where=str(path), hint="check the path"
        )
    return path


def _may_be_strategy(path: Path) -> bool:
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return True
    return any(isinstance(node, ast.FunctionDef) and node.name == "decide" for node in tree.body)
