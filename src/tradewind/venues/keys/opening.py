"""Where keys come from when a session starts, and where what opens the store comes from.

For a person there is a prompt; for a machine that trades alone a file of the service manager's, the keyring of the
system, or, with a warning, the environment. Never the command line, which every process of the machine can read.
"""

from __future__ import annotations

import os
import secrets
import select
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tradewind.errors import ConfigError, PathError, UsageError
from tradewind.venues.extras import require_live
from tradewind.venues.keys.entries import AccountKeys, check_form
from tradewind.venues.keys.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, MutableMapping

    from tradewind.venues.keys.store import KeyStore, Vault

__all__ = [
    "CREDENTIAL",
    "ENV_PASSPHRASE",
    "ENV_PASSPHRASE_FD",
    "ENV_PASSPHRASE_FILE",
    "Asking",
    "environment_names",
    "find_passphrase",
    "from_environment",
    "hand_over",
    "keyring_passphrase",
    "keys_for",
    "secret_of_file",
    "texts_for",
]

ENV_PASSPHRASE: Final = "TRADEWIND_KEYS_PASSPHRASE"
"""Variable with the passphrase itself; taken with a warning."""
ENV_PASSPHRASE_FILE: Final = "TRADEWIND_KEYS_PASSPHRASE_FILE"
"""Variable with the path of a file of mode 0600 that holds the passphrase."""
CREDENTIAL: Final = "tradewind-keys"
"""Name of the service manager's credential with the passphrase (``LoadCredential=tradewind-keys:…``)."""

ENV_PASSPHRASE_FD: Final = "TRADEWIND_KEYS_PASSPHRASE_FD"
"""Variable with the number of an open file that a parent process left for this one (`hand_over`)."""

_ENV_KEYS: Final = "TRADEWIND_KEYS__"
_SERVICE: Final = "tradewind"
_PARTS = ("api_key", "secret", "passphrase")
_LONGEST = 1_024
_SILENT_MS = 10_000


@dataclass(frozen=True, slots=True)
class Asking:
    """What the surroundings of a process offer.

    Parameters
    ----------
    env
        The environment. What is taken from it is removed, so that no child inherits it.
    prompt
        Asks a person for a text without showing it; None without a terminal.
    warn
        Tells a person something beside the result.
    """

    env: MutableMapping[str, str]
    prompt: Callable[[str], str] | None
    warn: Callable[[str], None]


def keys_for(
    name: str, venue: str, store: KeyStore, asking: Asking, *, demo: bool | None = None
) -> AccountKeys:
    """Return the keys of an account: of the environment where they stand there, else of the store.

    Parameters
    ----------
    name, venue
        The account, and where ``[accounts.NAME]`` says that it is.
    store, asking
        The workspace's store, and what the surroundings offer.
    demo
        Whether the account is one of practice money, where that is known.

    Raises
    ------
    NotFound
        KEY_UNKNOWN: no key of this name.
    ConfigError
        KEY_FORMAT, KEYSTORE_PASSPHRASE, CONFIG_CONFLICT where the key belongs to another venue, KEY_MODE_MISMATCH where
        it is one of practice money and the account is not, or the other way round.
    """
    found = from_environment(name, venue, asking)
    if found is None:
        found = _opened(store, asking).account(name)
    if found.venue != venue:
        raise ConfigError(
            "CONFIG_CONFLICT",
            f"the key {name!r} is one of {found.venue}, but the account is at {venue}.",
            key=f"accounts.{name}.venue",
            hint="correct the account, or add its own key",
        )
    if demo is not None and found.demo != demo:
        told = ("real", "practice") if demo else ("practice", "real")
        raise ConfigError(
            "KEY_MODE_MISMATCH",
            f"the key {name!r} is one of {told[0]} money, and the account one of {told[1]} money.",
            key=f"accounts.{name}.kind",
        )
    return found


def texts_for(names: Iterable[str], store: KeyStore, asking: Asking) -> tuple[Secret, ...]:
    """Return stored texts by name, such as the addresses of alerts. Raises what `keys_for` raises."""
    wanted = tuple(names)
    if not wanted:
        return ()
    vault = _opened(store, asking)
    return tuple(vault.text(name) for name in wanted)


def _opened(store: KeyStore, asking: Asking) -> Vault:
    return store.open(find_passphrase(store, asking))


def from_environment(name: str, venue: str, asking: Asking) -> AccountKeys | None:
    """Return keys from ``TRADEWIND_KEYS__NAME__API_KEY``, ``__SECRET``, ``__PASSPHRASE`` and ``__DEMO``, or None.

    Raises ConfigError (KEY_FORMAT, CONFIG_TYPE).
    """
    prefix = f"{_ENV_KEYS}{name.upper().replace('-', '_')}__"
    given = {key.removeprefix(prefix).lower(): key for key in list(asking.env) if key.startswith(prefix)}
    if not given:
        return None
    values = {part: asking.env.pop(key) for part, key in given.items()}
    demo = values.pop("demo", "false")
    if demo not in ("true", "false"):
        raise ConfigError(
            "CONFIG_TYPE",
            "demo is neither true nor false.",
            where=f"{prefix}DEMO",
            hint="write true or false",
        )
    try:
        check_form(venue, values)
    except ConfigError as error:
        error.where = f"{prefix}{error.key.upper()}"
        raise
    asking.warn(f"the keys of {name} come from the environment, which other processes of yours can read")
    signing = (Secret(values.get(part, "")) for part in _PARTS)
    return AccountKeys(name, venue, demo == "true", *signing)


def find_passphrase(store: KeyStore, asking: Asking) -> Secret:
    """Return what opens the store: of the service manager, a file, the environment, the keyring, or a person.

    Raises UsageError (KEYSTORE_PASSPHRASE) where nobody can be asked.
    """
    given = _handed_over(asking)
    if given is not None:
        return given
    if store.exists() and store.opener() == "keyring":
        return keyring_passphrase(store)
    if asking.prompt is None:
        raise UsageError(
            "KEYSTORE_PASSPHRASE",
            "the key store is closed, and there is no terminal to ask for its passphrase.",
            where=str(store.path),
            hint=f"set {ENV_PASSPHRASE_FILE} to a file of mode 0600, or use the credential {CREDENTIAL}",
        )
    return Secret(asking.prompt("passphrase of the key store: "))


def _handed_over(asking: Asking) -> Secret | None:
    """Return the passphrase that was left for this process, or None."""
    if asking.env.get(ENV_PASSPHRASE_FD):
        return _from_parent(asking.env[ENV_PASSPHRASE_FD])
    folder = asking.env.get("CREDENTIALS_DIRECTORY")
    if folder and (Path(folder) / CREDENTIAL).is_file():
        return secret_of_file(Path(folder) / CREDENTIAL)
    if asking.env.get(ENV_PASSPHRASE_FILE):
        return secret_of_file(Path(asking.env[ENV_PASSPHRASE_FILE]))
    if asking.env.get(ENV_PASSPHRASE):
        asking.warn(f"{ENV_PASSPHRASE} is in the environment, which other processes of yours can read")
        return Secret(asking.env.pop(ENV_PASSPHRASE))
    return None


def hand_over(passphrase: Secret, env: MutableMapping[str, str]) -> int:
    """Leave a passphrase for children of this process; return the open file that they must be given.

    It lies in memory that has no name, and every child reads it from its beginning: a guard asks a person once and
    starts the trading process again and again. Pass the number on as `pass_fds` of `subprocess.Popen`.
    """
    handle = os.memfd_create("passphrase")
    os.write(handle, passphrase.reveal().encode())
    os.set_inheritable(handle, True)
    env[ENV_PASSPHRASE_FD] = str(handle)
    return handle


def _from_parent(number: str) -> Secret:
    try:
        return Secret(os.pread(int(number), _LONGEST, 0).decode())
    except (OSError, ValueError) as error:
        raise UsageError(
            "KEYSTORE_PASSPHRASE",
            "the passphrase that a parent process left cannot be read.",
            where=ENV_PASSPHRASE_FD,
            hint=f"unset {ENV_PASSPHRASE_FD} and type the passphrase",
        ) from error


def secret_of_file(path: Path, what: str = "the passphrase") -> Secret:
    """Return the one line of a file, or of a pipe, that its owner alone can read.

    Raises PathError: PATH_INVALID for one that is not there, is neither, is silent or too long or holds none,
    KEYSTORE_DENIED where others can read it.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise PathError("PATH_INVALID", f"the file of {what} cannot be read.", where=str(path)) from error
    try:
        _refuse_place(os.fstat(handle).st_mode, path, what)
        text = _short_text(handle).rstrip("\r\n")
    except (OSError, OverflowError, UnicodeDecodeError) as error:
        raise PathError("PATH_INVALID", f"the file of {what} {_said_of(error)}.", where=str(path)) from error
    finally:
        os.close(handle)
    if not text:
        raise PathError("PATH_INVALID", f"the file of {what} is empty.", where=str(path))
    return Secret(text)


def _refuse_place(mode: int, path: Path, what: str) -> None:
    """Refuse what never ends, as devices do, and what others can read."""
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        raise PathError(
            "PATH_INVALID", f"{what} comes from a device or a folder, not from a file.", where=str(path)
        )
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise PathError(
            "KEYSTORE_DENIED",
            f"others can read {what}: its mode is {stat.S_IMODE(mode):o}, not 600.",
            where=str(path),
            hint=f"chmod 600 {path}",
        )


def _short_text(handle: int) -> str:
    """Return all that an open file holds. Raises TimeoutError of a silent pipe, OverflowError."""
    poll, content = select.poll(), b""
    poll.register(handle, select.POLLIN)
    while len(content) <= _LONGEST:
        if not poll.poll(_SILENT_MS):
            raise TimeoutError
        part = os.read(handle, _LONGEST + 1 - len(content))
        if not part:
            return content.decode()
        content += part
    raise OverflowError


def _said_of(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"says nothing for {_SILENT_MS // 1_000} seconds"
    if isinstance(error, OverflowError):
        return f"is longer than {_LONGEST:,} bytes"
    return "cannot be read"


def keyring_passphrase(store: KeyStore, *, make: bool = False) -> Secret:
    """Return the passphrase that the system's keyring keeps for this store; with `make` a new random one is kept.

    Raises UsageError (KEYSTORE_PASSPHRASE) where the system has no keyring, it fails, or it keeps no such passphrase.
    """
    require_live()
    import keyring

    place = os.fspath(store.path.absolute())
    try:
        found = keyring.get_password(_SERVICE, place)
        if found is None and make:
            found = secrets.token_urlsafe(32)
            keyring.set_password(_SERVICE, place, found)
    except Exception as error:  # noqa: BLE001 - a keyring is another's code, and fails with errors of its own
        raise UsageError(
            "KEYSTORE_PASSPHRASE",
            f"the system's keyring does not answer ({type(error).__name__}).",
            hint="unlock it, or make a key store with a passphrase: keys add without --keyring",
        ) from None
    if found is None:
        raise UsageError(
            "KEYSTORE_PASSPHRASE",
            "the system's keyring holds nothing for this key store.",
            where=str(store.path),
            hint="the store was made on another machine or for another user: add the keys here anew",
        )
    return Secret(found)


def environment_names(env: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of accounts whose keys stand in the environment, in lower case."""
    names = (key.removeprefix(_ENV_KEYS).partition("__")[0] for key in env if key.startswith(_ENV_KEYS))
    return tuple(sorted({name.lower() for name in names}))
