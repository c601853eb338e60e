"""The model of what a session takes from outside: where it listens, whose word it takes, and which values.

Nothing here has a default that lets a value decide: each is named with its bounds and with how long it counts.
"""

from ipaddress import ip_address
from typing import Annotated, Self

from pydantic import Field, model_validator

from tradewind.config.fields import Address, FilePath, Model, Name, Plain, Port, SymbolList, refusal

__all__ = ["FeatureTerms", "SignalTerms", "WebhookTerms"]


class WebhookTerms(Model):
    """Where signals are taken over HTTP, and who may send them."""

    port: Port
    """Where the session listens."""
    host: Address = "127.0.0.1"
    """The address that is listened on; any other than this machine's own needs tls_cert and tls_key."""
    key: Name | None = None
    """The text of the key store with which signals are signed ('tradewind keys add NAME --text')."""
    key_file: FilePath | None = None
    """Instead of `key`: a file of mode 0600 that holds it, 32 signs at least."""
    tls_cert: FilePath | None = None
    """File with the certificate, and those between it and its authority."""
    tls_key: FilePath | None = None
    """File of mode 0600 with the certificate's private key."""
    window_s: Annotated[float, Field(ge=1, le=300)] = 30.0
    """How far the time at which a signal was signed may lie from ours."""
    max_body_bytes: Annotated[int, Field(ge=128, le=262_144)] = 16_384
    """Longest signal."""
    per_minute: Annotated[int, Field(ge=1, le=6_000)] = 120
    """Most signals within a minute."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if (self.key is None) == (self.key_file is None):
            said = "neither is said" if self.key is None else "both are said"
            raise refusal(
                "CONFIG_CONFLICT", f"signals are signed with key or with key_file: {said}", key="key"
            )
        if (self.tls_cert is None) != (self.tls_key is None):
            missing = "tls_cert" if self.tls_cert is None else "tls_key"
            raise refusal("CONFIG_CONFLICT", "tls_cert and tls_key belong together", key=missing)
        if self.tls_cert is None and not ip_address(self.host).is_loopback:
            raise refusal(
                "BIND_INSECURE",
                f"at {self.host} others could listen in and speak",
                "write tls_cert and tls_key, or listen at 127.0.0.1 behind a proxy that has them",
                key="host",
            )
        return self


class FeatureTerms(Model):
    """One value from outside, as a strategy names it: NEEDS = ("feature:NAME",)."""

    min: Plain
    """Least value that is taken."""
    max: Plain
    """Greatest value that is taken."""
    valid_s: Annotated[float, Field(ge=1, le=31_536_000)]
    """How long a value counts after it was taken; then it is as before the first one."""
    symbols: SymbolList | None = None
    """The symbols it is taken for; all that its strategies trade unless given."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.min > self.max:
            raise refusal("CONFIG_CONFLICT", f"min {self.min:g} lies above max {self.max:g}", key="min")
        return self


class SignalTerms(Model):
    """What a session takes from outside."""

    webhook: WebhookTerms
    """Where it comes from."""
    features: dict[Name, FeatureTerms]
    """The values, by name."""

    @model_validator(mode="after")
    def _name_some(self) -> Self:
        if not self.features:
            raise refusal(
                "CONFIG_MISSING", "no value is named", "write [signals.features.NAME]", key="features"
            )
        return self
