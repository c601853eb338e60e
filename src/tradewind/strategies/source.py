"""A strategy's file and what it imports from beside it: read once, hashed, and run from what was hashed."""

import ast
import hashlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType

from tradewind.errors import StrategyError
from tradewind.strategies.reading import brings_no_data, refuse_readers

__all__ = ["Source", "SourceFile", "defined_names", "definition_line", "read_source", "run_source"]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One Python file as it was read: module name, path, text and syntax tree."""

    module: str
    path: Path
    text: str
    tree: ast.Module
    package: bool = False

    def line(self, number: int) -> str:
        """Return a line of the file without its indentation, empty if there is none."""
        lines = self.text.splitlines()
        return lines[number - 1].strip() if 1 <= number <= len(lines) else ""


@dataclass(frozen=True, slots=True)
class Source:
    """A strategy's own file first, then the local files that it imports, in the order of their names."""

    files: tuple[SourceFile, ...]
    hash: str

    @property
    def main(self) -> SourceFile:
        """Return the strategy's own file."""
        return self.files[0]

    def file_of(self, path: str) -> SourceFile | None:
        """Return the file of this path, None if it is not one of the strategy's."""
        return next((file for file in self.files if str(file.path) == path), None)


def read_source(path: Path) -> Source:
    """Read a strategy's file and everything beside it that it imports. Raises StrategyError with file and line."""
    main = _read(path.resolve(), "strategy")
    files = {main.path: main}
    waiting = [main]
    while waiting:
        file = waiting.pop()
        for module in _imported(file.tree):
            for beside in _local_files(main.path.parent, module):
                if beside[1] not in files:
                    files[beside[1]] = _read(beside[1], beside[0])
                    waiting.append(files[beside[1]])
    ordered = (main, *sorted((f for f in files.values() if f is not main), key=lambda f: f.module))
    return Source(ordered, _hash(ordered))


def _hash(files: Sequence[SourceFile]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.module}\0{len(file.text)}\0".encode())
        digest.update(file.text.encode())
    return digest.hexdigest()


def _read(path: Path, module: str) -> SourceFile:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as fault:
        raise StrategyError(
            "STRATEGY_LOAD",
            f"the file cannot be read: {fault.strerror}",
            where=str(path),
            hint="check the path",
        ) from None
    except UnicodeDecodeError as fault:
        line = path.read_bytes()[: fault.start].count(b"\n") + 1
        raise StrategyError(
            "STRATEGY_LOAD",
            "this line is not UTF-8 text",
            where=f"{path}:{line}",
            hint="save the file as UTF-8",
        ) from None
    try:
        tree = ast.parse(text, filename=str(path))
    except SyntaxError as fault:
        raise StrategyError(
            "STRATEGY_LOAD",
            f"this is not Python: {fault.msg}",
            where=f"{path}:{fault.lineno or 1}",
            hint="correct the line",
        ) from None
    except ValueError:
        raise StrategyError(
            "STRATEGY_LOAD", "the file holds a zero byte", where=str(path), hint="save it as plain text"
        ) from None
    return SourceFile(module, path, text, tree, path.name == "__init__.py")


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _local_files(folder: Path, module: str) -> Iterator[tuple[str, Path]]:
    """Find the files beside the strategy that importing `module` would run, parents first."""
    parts = module.split(".")
    if parts[0] == "tradewind":
        return
    for depth in range(1, len(parts) + 1):
        stem = folder.joinpath(*parts[:depth])
        if stem.with_suffix(".py").is_file():
            yield ".".join(parts[:depth]), stem.with_suffix(".py").resolve()
            return
        if not (stem / "__init__.py").is_file():
            return
        yield ".".join(parts[:depth]), (stem / "__init__.py").resolve()


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Serves local imports from the text that was hashed, so that what runs is what the hash says."""

    def __init__(self, source: Source) -> None:
        self._files = {file.module: file for file in source.files[1:]}
        self.loaded: dict[str, ModuleType] = {}

    def find_spec(
        self, fullname: str, path: object = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return how to load a local module, None for every other one."""
        if fullname not in self._files:
            return None
        file = self._files[fullname]
        spec = importlib.util.spec_from_loader(fullname, self, origin=str(file.path), is_package=file.package)
        if spec is not None:
            spec.has_location = True  # the module then knows its file
        return spec

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's text."""
        file = self._files[module.__name__]
        exec(_code(file), module.__dict__)  # noqa: S102  (a strategy is code that its user chose to run)
        self.loaded[module.__name__] = module


def _code(file: SourceFile) -> CodeType:
    return compile(file.tree, str(file.path), "exec")


def run_source(source: Source) -> tuple[ModuleType, dict[str, ModuleType]]:
    """Run a strategy's file; return its module and the local modules it imported, by name.

    Nothing stays in `sys.modules`: two workspaces may have files of the same name, and an edited file is read
    anew. Raises StrategyError (STRATEGY_LINT) where they read data.
    """
    for file in source.files:
        refuse_readers(file.tree, file.path)
    finder = _Finder(source)
    module = ModuleType(source.main.path.stem)
    module.__file__ = str(source.main.path)
    paths = [str(file.path) for file in source.files]
    with _only_for_now(finder, {file.module for file in source.files[1:]}), brings_no_data(paths):
        exec(_code(source.main), module.__dict__)  # noqa: S102
    return module, finder.loaded


@contextmanager
def _only_for_now(finder: _Finder, names: set[str]) -> Iterator[None]:
    hidden = {name: sys.modules.pop(name) for name in sorted(names) if name in sys.modules}
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(hidden)


def definition_line(tree: ast.Module, name: str) -> int:
    """Return the line on which a file defines `name` or, for `Class.field`, a field of a class; 1 if it does not."""
    line, body = 1, tree.body
    for part in name.split("."):
        node = next((node for node in body if part in defined_names(node)), None)
        if node is None:
            return line
        line, body = node.lineno, getattr(node, "body", [])
    return line


def defined_names(node: ast.stmt) -> list[str]:
    """Return the names that a statement defines."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = (
        node.targets
        if isinstance(node, ast.Assign)
        else [node.target]
        if isinstance(node, ast.AnnAssign)
        else []
    )
    return [target.id for target in targets if isinstance(target, ast.Name)]
