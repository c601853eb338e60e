"""One lock per key for a user of this machine: a copy of a workspace does not trade the account a second time.

The lock of an account lies in its workspace. This one lies in the user's state folder, so that it is the same for
every workspace that holds the same key. Its name is a fingerprint under a secret of that folder: it tells nobody the
key, nor whether a key is the one that he has.
"""

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tradewind.errors import Busy, TradewindError

if TYPE_CHECKING:
    from tradewind.config import AccountEntry, Workspace
    from tradewind.venues.keys import AccountKeys

__all__ = ["claim_paths", "claimed", "session_of", "state_folder"]

_SECRET = "fingerprint.secret"
_SECRET_BYTES = 32
_NAME_BYTES = 16


def state_folder() -> Path:
    """Return where this user's locks of keys lie; it may not be there."""
    from platformdirs import user_state_path

    return user_state_path("tradewind") / "accounts"


def session_of(desk: "Workspace", name: str) -> str:
    """Return what the holder of a claim says for whom he holds it; it ends as what the workspace's own locks say."""
    return f"the workspace {desk.root}, session {name}"


def claim_paths(
    desk: "Workspace",
    accounts: "Mapping[str, AccountEntry]",
    keys: "Mapping[str, AccountKeys]",
    warn: Callable[[str], None],
) -> dict[str, Path]:
    """Return the lock file of each account's key in the user's state folder; none, with a warning, without one."""
    from tradewind.journal import FileDisk

    folder = state_folder()
    try:
        FileDisk().make_folder(folder)
        secret = _secret_of(folder)
    except (OSError, RuntimeError, TradewindError) as error:
        warn(_unlocked(folder, error))
        return {}
    return {
        account: folder / f"{_fingerprint(secret, _world(desk, entry), keys[account])}.lock"
        for account, entry in accounts.items()
    }


@contextmanager
def claimed(
    desk: "Workspace",
    accounts: "Mapping[str, AccountEntry]",
    keys: "Mapping[str, AccountKeys]",
    purpose: Callable[[str], str],
    warn: Callable[[str], None],
) -> Iterator[None]:
    """Hold the keys of accounts for this user of this machine while the block runs.

    purpose: says of an account what it is held for. A state folder that cannot be written is warned about, and then
    only the locks of the workspace hold. Raises Busy (LOCKED) where another process acts with one of the keys. A guard
    keeps them with us, and goes on holding them while it starts the next process.
    """
    from tradewind.journal import FileDisk
    from tradewind.live.kept_locks import LocksOfGuard

    guarded = LocksOfGuard.of(os.environ)
    with ExitStack() as held:
        for account, path in claim_paths(desk, accounts, keys, warn).items():
            try:
                kept = guarded.take(path, purpose(account))
                if kept is not None:
                    held.callback(kept)
                    continue
                lock = FileDisk().lock(path, purpose(account))
                held.callback(lock.release)
                guarded.give(path, lock.descriptor)
            except Busy:
                raise
            except (OSError, TradewindError) as error:
                warn(_unlocked(path, error))
        yield


def _unlocked(path: Path, error: Exception) -> str:
    told = error.message if isinstance(error, TradewindError) else str(error)
    return (
        f"warning: another workspace with the same key would not be noticed: {path} cannot be used ({told})"
    )


def _secret_of(folder: Path) -> bytes:
    """Return the secret of the state folder, the same for all who ask for it at once."""
    path = folder / _SECRET
    if not path.exists():
        draft = folder / f".{_SECRET}-{secrets.token_hex(8)}"
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, secrets.token_bytes(_SECRET_BYTES))
            with suppress(FileExistsError):
                os.link(draft, path)
        finally:
            os.close(handle)
            draft.unlink()
    return path.read_bytes()[:_SECRET_BYTES]


def _world(desk: "Workspace", entry: "AccountEntry") -> str:
    """Return where a key counts: at a venue with real or practice money, or at the fake that stands in for it."""
    from tradewind.cli.reaching import practice_of

    practice = practice_of(desk, entry.venue)
    return f"{entry.venue} {entry.kind}" + (f" {practice.port}" if practice else "")


def _fingerprint(secret: bytes, world: str, keys: "AccountKeys") -> str:
    # A key that is the address of a wallet is the same in either case of its letters.
    told = f"{world}\0{keys.api_key.reveal().strip().casefold()}".encode()
    return hashlib.blake2b(told, key=secret, digest_size=_NAME_BYTES, person=b"tradewind-claim").hexdigest()
