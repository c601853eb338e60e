"""Secrets: a type that shows none, a redactor that finds those that others show, and the store that keeps them."""

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

__all__ = [
    "HIDDEN",
    "REDACTOR",
    "RedactingFilter",
    "Redactor",
    "Secret",
    "clean",
    "install",
    "is_secret_key",
    "redact_event",
    "remember",
]
