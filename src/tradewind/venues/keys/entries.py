"""What the key store keeps: the keys of an account, or one text such as the address of an alert.

The form of a key is checked before it is kept: a blank at its end or a missing letter is found when it is typed and
not when the first order is signed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tradewind.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradewind.venues.keys.secret import Secret

__all__ = ["AccountKeys", "KeyForm", "KeyLine", "StoredText", "check_form", "form_of", "refuse_shared"]

_PARTS = ("api_key", "secret", "passphrase")


@dataclass(frozen=True, slots=True)
class AccountKeys:
    """The keys of one account at one venue.

    Parameters
    ----------
    name
        Name of the account, as in ``[accounts.NAME]``.
    venue
        Where the account is.
    demo
        Whether its money is practice money.
    api_key, secret, passphrase
        What signs; the passphrase is empty where the venue knows none.
    """

    name: str
    venue: str
    demo: bool
    api_key: Secret
    secret: Secret
    passphrase: Secret

    def line(self) -> KeyLine:
        """Return what may be shown of it."""
        return KeyLine(self.name, "exchange", self.venue, self.demo)


@dataclass(frozen=True, slots=True)
class StoredText:
    """One secret text by name: the address of an alert, the secret of a webhook."""

    name: str
    text: Secret

    def line(self) -> KeyLine:
        """Return what may be shown of it."""
        return KeyLine(self.name, "text", "", demo=False)


@dataclass(frozen=True, slots=True)
class KeyLine:
    """What everybody may know of an entry: no part of a key is in it."""

    name: str
    kind: Literal["exchange", "text"]
    venue: str
    demo: bool


@dataclass(frozen=True, slots=True)
class KeyForm:
    """How a venue writes its keys.

    Parameters
    ----------
    api_key, secret
        Expressions that match the whole text.
    has_passphrase
        Whether a key has a passphrase that was chosen when it was made.
    told
        The form in words.
    provenance
        "documentation": the venue says so; "assumed": seen in its examples.
    """

    api_key: str
    secret: str
    has_passphrase: bool
    told: str
    provenance: Literal["documentation", "assumed"]


_PEM = r"-----BEGIN (?:RSA )?PRIVATE KEY-----[A-Za-z0-9+/=\s]+-----END (?:RSA )?PRIVATE KEY-----\s*"
_ANY = r"[\x21-\x7e]{8,128}"
_OPEN_FORM = KeyForm(_ANY, _ANY, False, "8 to 128 letters, digits and signs", "assumed")
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

_FORMS: dict[str, KeyForm] = {
    "binance": KeyForm(
        r"[A-Za-z0-9]{64}",
        rf"[A-Za-z0-9]{{64}}|{_PEM}",
        False,
        "64 letters and digits; a secret may also be a private key in PEM",
        "documentation",
    ),
    "bybit": KeyForm(
        r"[A-Za-z0-9]{18,64}",
        rf"[A-Za-z0-9]{{36,64}}|{_PEM}",
        False,
        "a key of 18 to 64 and a secret of 36 to 64 letters and digits",
        "assumed",
    ),
    "okx": KeyForm(
        _UUID, r"[0-9A-Fa-f]{32}", True, "a key like 8-4-4-4-12 digits of base 16, a secret of 32", "assumed"
    ),
    "blofin": KeyForm(
        r"[0-9A-Za-z]{32}", r"[0-9A-Za-z]{32}", True, "32 letters and digits each", "assumed"
    ),
    "bitget": KeyForm(
        r"bg_[0-9a-f]{32}", r"[0-9a-f]{64}", True, "a key bg_ and 32 digits of base 16, a secret of 64", "assumed"
    ),
    "kucoin": KeyForm(_ANY, _ANY, True, "8 to 128 letters, digits and signs", "assumed"),
    "hyperliquid": KeyForm(
        r"0x[0-9a-fA-F]{40}",
        r"(?:0x)?[0-9a-fA-F]{64}",
        False,
        "the wallet's address and the private key of an agent's wallet",
        "documentation",
    ),
}  # fmt: skip


def form_of(venue: str) -> KeyForm:
    """Return how a venue writes its keys; an open form where that is not known."""
    return _FORMS.get(venue.partition("_")[0], _OPEN_FORM)


def check_form(venue: str, parts: Mapping[str, str], *, practice: bool = False) -> None:
    """Refuse keys that cannot be the venue's. Raises ConfigError (KEY_FORMAT), which shows no sign of them.

    Parameters
    ----------
    venue
        Where they are meant for.
    parts
        ``api_key``, ``secret`` and, where the venue has one, ``passphrase``.
    practice
        Whether the venue is a fake one, which gives out keys of any form.
    """
    for name in parts:
        if name not in _PARTS:
            raise _refused(name, "is no part of a key", f"known: {', '.join(_PARTS)}")
    form = form_of(venue)
    for name in ("api_key", "secret"):
        _check_part(name, parts.get(name, ""), _ANY if practice else getattr(form, name), form.told)
    phrase = parts.get("passphrase", "")
    if form.has_passphrase and not phrase:
        raise _refused("passphrase", "is missing", "it was chosen when the key was made at the venue")
    if phrase and not form.has_passphrase:
        raise _refused("passphrase", "is given, but keys of this venue have none", "leave it out")
    if phrase and not re.fullmatch(r"[\x20-\x7e]{4,64}", phrase):
        raise _refused("passphrase", _fault(phrase), "4 to 64 plain signs, as it was typed at the venue")


def refuse_shared(known: AccountKeys, added: AccountKeys) -> None:
    """Refuse one key under two names: two sessions would trade one account, each within caps of its own.

    The same key for practice money, or at another venue, is another account.

    Raises ConfigError (CONFIG_CONFLICT), which names both and shows nothing of the key.
    """
    places = [(keys.venue, keys.demo, keys.api_key) for keys in (known, added)]
    if known.name != added.name and places[0] == places[1]:
        raise ConfigError(
            "CONFIG_CONFLICT",
            f"{added.name!r} and {known.name!r} have one key: at {added.venue} they are the same account.",
            key=f"accounts.{added.name}",
            hint=f"use {known.name!r}, or make a key of another account at the venue; for another name forget the "
            f"first: tradewind keys remove {known.name}",
        )


def _check_part(name: str, text: str, form: str, told: str) -> None:
    if re.fullmatch(form, text, re.ASCII):
        return
    raise _refused(name, _fault(text), f"expected: {told}")


def _fault(text: str) -> str:
    """Return what is wrong with a text without showing any of it."""
    if not text:
        return "is missing"
    if text != text.strip():
        return "begins or ends with a blank or a line break"
    if any(sign.isspace() for sign in text) and "PRIVATE KEY" not in text:
        return "has a blank or a line break inside"
    if not text.isascii() or not text.replace("\n", "").isprintable():
        return "holds signs that no key has"
    return f"has {len(text)} signs, in a form that is not the venue's"


def _refused(name: str, fault: str, hint: str) -> ConfigError:
    return ConfigError("KEY_FORMAT", f"{name.replace('_', ' ')} {fault}.", key=name[:40], hint=hint)
