"""Secrets: a type that shows none, a redactor that finds those that others show, and the store that keeps them."""

from tradewind.venues.keys.entries import (
    AccountKeys,
    KeyForm,
    KeyLine,
    StoredText,
    check_form,
    form_of,
    refuse_shared,
)
from tradewind.venues.keys.opening import Asking, find_passphrase, hand_over, keys_for, texts_for
from tradewind.venues.keys.process import protect_process
from tradewind.venues.keys.redact import (
    REDACTOR,
    RedactingFilter,
    Redactor,
    clean,
    install,
    is_secret_key,
    redact_event,
)
from tradewind.venues.keys.secret import HIDDEN, Secret, remember
from tradewind.venues.keys.store import KeyStore, Vault

__all__ = [
    "HIDDEN",
    "REDACTOR",
    "AccountKeys",
    "Asking",
    "KeyForm",
    "KeyLine",
    "KeyStore",
    "RedactingFilter",
    "Redactor",
    "Secret",
    "StoredText",
    "Vault",
    "check_form",
    "clean",
    "find_passphrase",
    "form_of",
    "hand_over",
    "install",
    "is_secret_key",
    "keys_for",
    "protect_process",
    "redact_event",
    "refuse_shared",
    "remember",
    "texts_for",
]
