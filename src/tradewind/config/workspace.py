"""The workspace: one owner of every path."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tradewind.config.files import atomic_folder
from tradewind.config.load import load_settings
from tradewind.config.settings import Settings
from tradewind.config.starter import starter_files
from tradewind.errors import PathError

__all__ = ["ENV_WORKSPACE", "KEYS_FOLDER", "RUN_ID", "SETTINGS_NAME", "Workspace", "find_root"]

SETTINGS_NAME = "tradewind.toml"
"""The file that makes a folder a workspace."""
KEYS_FOLDER = ".keys"
"""Folder of the key store in a workspace."""
ENV_WORKSPACE = "TRADEWIND_WORKSPACE"
"""Variable that names a workspace where no flag does."""

RUN_ID = re.compile(r"[0-9]{8}-[0-9]{9}-[a-z0-9_-]{1,64}")
"""Form of the name of a run's folder."""

_SESSION = re.compile(r"[a-z][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder with everything that belongs together; it knows where each thing lies."""

    root: Path
    settings: Settings = field(default_factory=Settings)

    @classmethod
    def find(cls, flag: Path | str | None, env: Mapping[str, str], cwd: Path) -> Self:
        """Return the workspace of ``--workspace``, of the environment, or of the nearest parent of ``cwd``.

        Raises `PathError` (WORKSPACE_MISSING), which says all three.
        """
        return cls.open(find_root(flag, env, cwd), env)

    @classmethod
    def open(cls, root: Path, env: Mapping[str, str] | None = None) -> Self:
        """Return the workspace in a folder, with its settings."""
        loaded = load_settings(root / SETTINGS_NAME, env)
        return cls(root.resolve(), loaded.config)

    @classmethod
    def create(cls, folder: Path) -> Self:
        """Write a workspace to begin with: settings, a strategy of one's own, a backtest; all of it or nothing.

        Raises `PathError` (WORKSPACE_EXISTS) where the folder holds anything.
        """
        if "\0" in str(folder):
            raise PathError("PATH_INVALID", "the path holds a NUL character", where=repr(str(folder)))
        target = folder.expanduser().absolute()
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise PathError("WORKSPACE_EXISTS", "something already lies here", where=str(folder))
        with atomic_folder(target, private=True) as partial:
            for name, text in starter_files().items():
                path = partial / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            (partial / SETTINGS_NAME).chmod(0o600)
            for name in ("searches", "data", "runs"):
                (partial / name).mkdir()
            (partial / "journal").mkdir(0o700)
        return cls.open(target)

    @property
    def settings_file(self) -> Path:
        """Return the path of the settings."""
        return self.root / SETTINGS_NAME

    @property
    def strategies(self) -> Path:
        """Return the folder of the user's strategies, one Python file each."""
        return self.root / self.settings.paths.strategies

    @property
    def backtests(self) -> Path:
        """Return the folder of backtest files."""
        return self.root / self.settings.paths.backtests

    @property
    def data(self) -> Path:
        """Return the folder of history."""
        return self.root / self.settings.paths.data

    @property
    def runs(self) -> Path:
        """Return the folder of stored runs."""
        return self.root / self.settings.paths.runs

    @property
    def journal(self) -> Path:
        """Return the folder of session journals."""
        return self.root / self.settings.paths.journal

    @property
    def locks(self) -> Path:
        """Return the folder of lock files."""
        return self.root / ".locks"

    def account_lock(self, account: str) -> Path:
        """Return the lock file that a process holds while it acts for an account."""
        return self.locks / f"account-{_checked(account, _SESSION, 'account')}.lock"

    def session_locks(self, session: str, accounts: Sequence[str]) -> dict[str, Path]:
        """Return the lock file of each account that a session acts for.

        On paper it acts for none. The account that it makes up is its own, so that sessions on paper run side by side.
        """
        paper = self.locks / f"paper-{_checked(session, _SESSION, 'session')}.lock"
        return {account: self.account_lock(account) for account in accounts} or {"paper": paper}

    def session_dir(self, session: str) -> Path:
        """Return the folder of a session's journal."""
        return self.journal / _checked(session, _SESSION, "session")

    def run_dir(self, run_id: str) -> Path:
        """Return the folder a run of this id has; nothing is made."""
        return self.runs / _checked(run_id, RUN_ID, "run")

    def shown(self, path: Path) -> str:
        """Return a path as short as it can be: relative to the workspace where it lies inside."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)


def find_root(flag: Path | str | None, env: Mapping[str, str], cwd: Path) -> Path:
    """Return the folder of the workspace that `Workspace.find` opens, its settings unread. Raises as that does."""
    if flag:
        return _named(Path(flag), cwd, "--workspace")
    if env.get(ENV_WORKSPACE):
        return _named(Path(env[ENV_WORKSPACE]), cwd, ENV_WORKSPACE)
    for folder in (cwd, *cwd.parents):
        if (folder / SETTINGS_NAME).is_file():
            return folder
    raise PathError(
        "WORKSPACE_MISSING",
        f"--workspace is not given, {ENV_WORKSPACE} is not set, and no {SETTINGS_NAME} lies in {cwd} or above it.",
        where=str(cwd),
        hint="make a workspace: tradewind new desk && cd desk",
    )


def _named(folder: Path, cwd: Path, origin: str) -> Path:
    if "\0" in str(folder):
        raise PathError("PATH_INVALID", "the path holds a NUL character", where=origin)
    root = cwd / folder.expanduser()
    if not (root / SETTINGS_NAME).is_file():
        raise PathError(
            "WORKSPACE_MISSING",
            f"{folder} holds no {SETTINGS_NAME}",
            where=origin,
            hint=f"make it a workspace: tradewind new {folder}",
        )
    return root


def _checked(name: str, pattern: re.Pattern[str], what: str) -> str:
    """Return a name that is safe as a part of a path."""
    if not pattern.fullmatch(name):
        raise PathError(
            "ID_INVALID",
            f"{name[:60]!r} cannot be the name of {'an' if what[:1] in 'aeiou' else 'a'} {what}",
            hint="begin with a letter, then a-z, 0-9, _ and -",
        )
    return name
