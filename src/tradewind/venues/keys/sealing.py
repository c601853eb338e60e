"""Seal bytes with a passphrase: argon2id makes a key of it, AES-256-GCM encrypts and authenticates.

The parameters are part of what is authenticated, so nobody can weaken them. They are written with the sealed bytes,
so that a later tradewind may choose stronger ones and still read the old.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tradewind.errors import ConfigError, TradewindError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradewind.venues.keys.secret import Secret

__all__ = ["Cost", "open_sealed", "read_public", "seal"]

_KIND: Final = "tradewind-keys"
_VERSION: Final = 1
_CIPHER: Final = "aes-256-gcm"
_KDF: Final = "argon2id"
_KEY_BYTES, _SALT_BYTES, _NONCE_BYTES = 32, 16, 12


@dataclass(frozen=True, slots=True)
class Cost:
    """What one guess of the passphrase costs whoever guesses.

    Parameters
    ----------
    passes, memory_kib, lanes
        Parameters of argon2id; the defaults are the second choice of RFC 9106: 64 MiB, three passes, four lanes.
    """

    passes: int = 3
    memory_kib: int = 65_536
    lanes: int = 4


_BOUNDS = {"passes": (1, 20), "memory_kib": (64, 2_097_152), "lanes": (1, 16)}


def seal(plain: bytes, passphrase: Secret, public: Mapping[str, object], cost: Cost) -> str:
    """Return the text of a file that holds `plain` sealed and `public` readable but bound to it."""
    header: dict[str, object] = {
        "kind": _KIND,
        "version": _VERSION,
        "cipher": _CIPHER,
        "kdf": _KDF,
        **asdict(cost),
        "salt": _encoded(os.urandom(_SALT_BYTES)),
        "nonce": _encoded(os.urandom(_NONCE_BYTES)),
        "public": dict(public),
    }
    key = _derive(passphrase, _decoded(header["salt"]), cost)
    sealed = AESGCM(key).encrypt(_decoded(header["nonce"]), plain, _bound(header))
    body = {**header, "sealed": _encoded(sealed)}
    return json.dumps({**body, "checksum": _checksum(body)}, indent=1) + "\n"


def read_public(text: str) -> dict[str, object]:
    """Return the readable part of a sealed file. Raises ConfigError (KEYSTORE_CORRUPT, CONFIG_VERSION)."""
    public = _read(text)["public"]
    assert isinstance(public, dict)
    return public


def open_sealed(text: str, passphrase: Secret) -> bytes:
    """Return what was sealed.

    Raises
    ------
    ConfigError
        KEYSTORE_PASSPHRASE where the passphrase does not fit, KEYSTORE_CORRUPT where the file is not as it was
        written, CONFIG_VERSION where a later tradewind wrote it.
    """
    body = _read(text)
    cost = Cost(**{name: _whole(body[name]) for name in _BOUNDS})
    key = _derive(passphrase, _decoded(body["salt"]), cost)
    header = {name: value for name, value in body.items() if name not in ("sealed", "checksum")}
    try:
        return AESGCM(key).decrypt(_decoded(body["nonce"]), _decoded(body["sealed"]), _bound(header))
    except InvalidTag:
        raise ConfigError(
            "KEYSTORE_PASSPHRASE",
            "the passphrase does not open the key store.",
            hint="type it again; a forgotten one cannot be recovered: remove the file and add the keys anew",
        ) from None


def _derive(passphrase: Secret, salt: bytes, cost: Cost) -> bytes:
    return hash_secret_raw(
        passphrase.reveal().encode(),
        salt,
        time_cost=cost.passes,
        memory_cost=cost.memory_kib,
        parallelism=cost.lanes,
        hash_len=_KEY_BYTES,
        type=Type.ID,
    )


def _read(text: str) -> dict[str, object]:
    """Return the fields of a file that is whole, of a version that is known, with parameters in their bounds."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        raise _corrupt("it is no JSON") from None
    if not isinstance(body, dict) or body.get("kind") != _KIND:
        raise _corrupt("it is no key store")
    if body.get("version") != _VERSION:
        raise ConfigError(
            "CONFIG_VERSION",
            f"the key store has version {str(body.get('version'))[:20]}, this tradewind reads version {_VERSION}.",
            hint="install the tradewind that wrote it",
        )
    unsigned = {name: value for name, value in body.items() if name != "checksum"}
    if body.get("checksum") != _checksum(unsigned):
        raise _corrupt("its checksum differs")
    _check_fields(body)
    return body


def _check_fields(body: Mapping[str, object]) -> None:
    if (body.get("cipher"), body.get("kdf")) != (_CIPHER, _KDF) or not isinstance(body.get("public"), dict):
        raise _corrupt("its header is not one that we write")
    for name, (low, high) in _BOUNDS.items():
        if not low <= _whole(body.get(name)) <= high:
            raise _corrupt(f"its {name} lies outside {low}..{high}")
    sizes = {"salt": _SALT_BYTES, "nonce": _NONCE_BYTES}
    if any(len(_decoded(body.get(name))) != size for name, size in sizes.items()):
        raise _corrupt("its salt or nonce has another size")
    _decoded(body.get("sealed"))


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _corrupt("a parameter is no whole number")
    return value


def _bound(header: Mapping[str, object]) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode()


def _checksum(body: Mapping[str, object]) -> str:
    return hashlib.sha256(_bound(body)).hexdigest()


def _encoded(plain: bytes) -> str:
    return base64.b64encode(plain).decode()


def _decoded(text: object) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except (binascii.Error, ValueError):
        raise _corrupt("a field is no base64") from None


def _corrupt(fault: str) -> TradewindError:
    return ConfigError("KEYSTORE_CORRUPT", f"the key store is damaged: {fault}.")
