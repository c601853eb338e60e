"""The key store of a workspace: one encrypted file that its owner alone can read.

Nothing is ever written beside it in the clear. What stands readable in it are the names of its entries, so that
``keys list`` needs no passphrase; they are authenticated with the rest.
"""

from __future__ import annotations

import json
import os
import stat
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from tradewind.config import lock, nearest, write_atomic
from tradewind.errors import ConfigError, NotFound, PathError
from tradewind.venues.extras import require_live
from tradewind.venues.keys.entries import AccountKeys, KeyLine, StoredText, refuse_shared
from tradewind.venues.keys.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tradewind.venues.keys.sealing import Cost

__all__ = ["KEYS_FILE", "KeyStore", "Opener", "Vault"]

KEYS_FILE: Final = "keys.json"
"""Name of the store's file in the workspace's folder of keys."""

Opener = Literal["passphrase", "keyring"]
"""Who holds what opens the store: the user, or the keyring of the system."""

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_PATIENCE_S = 15.0
"""So long another process's change of the keys is waited for; sealing them takes about a second."""


@dataclass(frozen=True, slots=True)
class Vault:
    """What an open store holds, by name."""

    entries: Mapping[str, AccountKeys | StoredText] = field(default_factory=dict)

    def account(self, name: str) -> AccountKeys:
        """Return the keys of an account. Raises NotFound (KEY_UNKNOWN)."""
        entry = self._entry(name)
        if not isinstance(entry, AccountKeys):
            raise NotFound("KEY_UNKNOWN", f"{name!r} is a text of the key store, not the keys of an account.")
        return entry

    def text(self, name: str) -> Secret:
        """Return a text by name. Raises NotFound (KEY_UNKNOWN)."""
        entry = self._entry(name)
        if not isinstance(entry, StoredText):
            raise NotFound("KEY_UNKNOWN", f"{name!r} is the key of an account, not a text.")
        return entry.text

    def holding(self, entry: AccountKeys | StoredText) -> Vault:
        """Return a vault with one entry more, or with another of its name.

        Raises ConfigError (CONFIG_CONFLICT) where another name has this key already.
        """
        if isinstance(entry, AccountKeys):
            for other in self.entries.values():
                if isinstance(other, AccountKeys):
                    refuse_shared(other, entry)
        return replace(self, entries={**self.entries, entry.name: entry})

    def without(self, name: str) -> Vault:
        """Return a vault with one entry less. Raises NotFound (KEY_UNKNOWN)."""
        self._entry(name)
        return replace(self, entries={key: entry for key, entry in self.entries.items() if key != name})

    def _entry(self, name: str) -> AccountKeys | StoredText:
        if name not in self.entries:
            raise _unknown(name, self.entries)
        return self.entries[name]


class KeyStore:
    """The key store in a folder of a workspace.

    Parameters
    ----------
    folder
        Where its file lies; made with mode 0700 when the first key is added.
    cost
        What a guess of the passphrase costs; the usual cost unless given.
    """

    def __init__(self, folder: Path, cost: Cost | None = None) -> None:
        self.folder = folder
        self._cost = cost

    @property
    def path(self) -> Path:
        """Return the store's file."""
        return self.folder / KEYS_FILE

    def exists(self) -> bool:
        """Return whether anything was ever stored here."""
        return self.path.exists()

    def lines(self) -> tuple[KeyLine, ...]:
        """Return what everybody may know of the entries, by name. Raises what reading the file raises."""
        if not self.exists():
            return ()
        return tuple(KeyLine(**line) for line in self._public()["entries"])  # type: ignore[attr-defined]

    def opener(self) -> Opener:
        """Return who holds what opens this store."""
        return "keyring" if self._public().get("opened_by") == "keyring" else "passphrase"

    def open(self, passphrase: Secret) -> Vault:
        """Return what the store holds.

        Raises
        ------
        NotFound
            KEY_UNKNOWN where there is no store yet.
        PathError
            KEYSTORE_DENIED where others can read the file.
        ConfigError
            KEYSTORE_PASSPHRASE, KEYSTORE_CORRUPT, CONFIG_VERSION.
        """
        require_live()
        from tradewind.venues.keys.sealing import open_sealed

        with self._placed():
            return _unpacked(open_sealed(self._text(), passphrase))

    def write(self, vault: Vault, passphrase: Secret, opened_by: Opener) -> None:
        """Store a vault, sealed anew; the file is the old one or the new one, never a part of either."""
        require_live()
        from tradewind.venues.keys.sealing import Cost, seal

        lines = [asdict(entry.line()) for _, entry in sorted(vault.entries.items())]
        public = {"entries": lines, "opened_by": opened_by}
        text = seal(_packed(vault), passphrase, public, self._cost or Cost())
        write_atomic(self.path, text, private=True)

    @contextmanager
    def held(self, *, wait_s: float = _PATIENCE_S) -> Iterator[None]:
        """Keep other processes from changing the store while the block runs; one that does is waited for some seconds.

        Raises Busy (LOCKED) where it takes longer, such as at a question for the passphrase.
        """
        path = self.folder.parent / ".locks" / "keys.lock"
        with lock(path, "changes the key store", wait_s=wait_s):
            yield

    def _public(self) -> dict[str, object]:
        require_live()
        from tradewind.venues.keys.sealing import read_public

        with self._placed():
            return read_public(self._text())

    def _text(self) -> str:
        """Return the file's text, if nobody else can read or replace it."""
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise _unknown("", ()) from None
        except OSError as error:
            raise PathError(
                "PATH_DENIED", f"cannot be read: {error.strerror}", where=str(self.path)
            ) from error
        with os.fdopen(handle, "rb") as file:
            _check_owner(os.fstat(file.fileno()), self.path, "600")
            _check_owner(self.folder.stat(), self.folder, "700")
            try:
                return file.read().decode()
            except UnicodeDecodeError:
                raise ConfigError("KEYSTORE_CORRUPT", "the key store is damaged: it is no text.") from None

    @contextmanager
    def _placed(self) -> Iterator[None]:
        """Name the file in every error about it."""
        try:
            yield
        except ConfigError as error:
            error.where = error.where or str(self.path)
            raise


def _check_owner(found: os.stat_result, path: Path, mode: str) -> None:
    if found.st_mode & _OTHERS:
        raise PathError(
            "KEYSTORE_DENIED",
            f"others can read it: its mode is {stat.S_IMODE(found.st_mode):o}, not {mode}.",
            where=str(path),
            hint=f"chmod {mode} {path}; if this machine has other users, revoke the keys at the venue",
        )
    if found.st_uid not in (os.geteuid(), 0):
        raise PathError("KEYSTORE_DENIED", "it belongs to another user.", where=str(path))


def _unknown(name: str, known: Mapping[str, object] | tuple[()]) -> NotFound:
    if not known:
        return NotFound(
            "KEY_UNKNOWN", "there is no key store yet.", hint="tradewind keys add NAME --venue VENUE"
        )
    meant = nearest(name, known)
    hint = f"Did you mean '{meant}'?" if meant else ""
    return NotFound(
        "KEY_UNKNOWN", f"the key store has no {name[:40]!r}.", hint=hint, known=sorted(known)[:20]
    )


def _packed(vault: Vault) -> bytes:
    return json.dumps({name: _plain(entry) for name, entry in vault.entries.items()}).encode()


def _plain(entry: AccountKeys | StoredText) -> dict[str, object]:
    if isinstance(entry, StoredText):
        return {"kind": "text", "text": entry.text.reveal()}
    return {
        "kind": "exchange",
        "venue": entry.venue,
        "demo": entry.demo,
        "api_key": entry.api_key.reveal(),
        "secret": entry.secret.reveal(),
        "passphrase": entry.passphrase.reveal(),
    }


def _unpacked(plain: bytes) -> Vault:
    return Vault({name: _entry(name, fields) for name, fields in json.loads(plain).items()})


def _entry(name: str, fields: Mapping[str, object]) -> AccountKeys | StoredText:
    if fields["kind"] == "text":
        return StoredText(name, Secret(str(fields["text"])))
    signing = (Secret(str(fields[part])) for part in ("api_key", "secret", "passphrase"))
    return AccountKeys(name, str(fields["venue"]), bool(fields["demo"]), *signing)
