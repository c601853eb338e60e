"""Fake venues on real sockets of loopback: TLS under a private CA, made anew at each start.

A client keeps the venue's own addresses and is sent to 127.0.0.1 below them, by a resolver and by trusting the CA
(`FakeVenueAddress`). What an outsider needs to do the same with any other client: the file of the CA, the port,
and the names of the hosts.
"""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import json
import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tradewind.config import writing
from tradewind.errors import TradewindError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from tradewind.venues.fake.server import FakeServer

__all__ = ["FAKE_VARIABLE", "FakeVenueAddress", "SocketService", "make_authority"]

FAKE_VARIABLE = "TRADEWIND_FAKE_VENUE"
"""Names the file that a running fake venue writes; where it is set, venues are looked for at loopback only."""

_LIFE = datetime.timedelta(days=3)
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class FakeVenueAddress:
    """Where a running fake is found.

    Parameters
    ----------
    port
        On loopback.
    authority
        File of the CA's certificate, PEM.
    hosts
        Those that it answers for.
    """

    port: int
    authority: Path
    hosts: frozenset[str]

    def addresses(self) -> dict[str, tuple[str, int]]:
        """Return where each host is really found, as `venues.ccxt.exchange.open_session` takes it."""
        return dict.fromkeys(self.hosts, (_LOOPBACK, self.port))

    def ssl_context(self) -> ssl.SSLContext:
        """Return what trusts this fake and nobody else."""
        return ssl.create_default_context(cafile=str(self.authority))

    def save(self, path: Path) -> None:
        """Write where it is found, for `load`."""
        told = {"port": self.port, "authority": str(self.authority), "hosts": sorted(self.hosts)}
        path.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> FakeVenueAddress:
        """Read what `save` wrote. Raises UsageError (FAKE_VENUE_UNREADABLE) where that is not to be read."""
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            return cls(int(told["port"]), Path(told["authority"]), frozenset(map(str, told["hosts"])))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(
                "FAKE_VENUE_UNREADABLE",
                f"{path} does not say where a fake venue is found ({type(error).__name__}).",
                hint=f"`tradewind venue fake` writes it; or unset {FAKE_VARIABLE}",
            ) from error

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> FakeVenueAddress | None:
        """Return the fake that the environment names, None where it names none."""
        named = (os.environ if environment is None else environment).get(FAKE_VARIABLE, "")
        return cls.load(Path(named)) if named else None


class SocketService:
    """Serves a `FakeServer` on a port of loopback.

    Parameters
    ----------
    server
        What answers.
    folder
        Where the CA's certificate and `fake.json` are written; None: a folder of its own that goes with it.
    port
        0 takes a free one.
    """

    def __init__(self, server: FakeServer, folder: Path | None = None, port: int = 0) -> None:
        self._server = server
        self._own = TemporaryDirectory(prefix="tradewind-fake-") if folder is None else None
        self._folder = Path(self._own.name) if self._own is not None else Path(folder or "")
        self._port = port
        self._listening: asyncio.Server | None = None

    async def __aenter__(self) -> FakeVenueAddress:
        """Open the port; return where it is found."""
        return await self.open()

    async def __aexit__(self, *_error: object) -> None:
        """Close it."""
        await self.close()

    async def open(self) -> FakeVenueAddress:
        """Make a CA, open the port and return where the venues are found.

        Raises
        ------
        UsageError
            PORT_BUSY.
        PathError
            PATH_INVALID, PATH_DENIED for a folder that cannot be written to.
        """
        authority = self._folder / "authority.pem"
        with writing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            context = make_authority(self._server.hosts, self._folder)
        make = self._server.start()
        loop = asyncio.get_running_loop()
        try:
            self._listening = await loop.create_server(make, _LOOPBACK, self._port, ssl=context)
        except OSError as error:
            await self._server.stop()
            raise UsageError(
                "PORT_BUSY",
                f"port {self._port} of {_LOOPBACK} cannot be opened: {error.strerror}.",
                hint="name another one with --port, or 0 for any",
            ) from error
        port = int(self._listening.sockets[0].getsockname()[1])
        address = FakeVenueAddress(port, authority, self._server.hosts)
        try:
            with writing(self._folder / "fake.json"):
                address.save(self._folder / "fake.json")
        except TradewindError:
            await self.close()
            raise
        return address

    async def close(self) -> None:
        """Close every connection and the port."""
        if self._listening is not None:
            self._listening.close()
        await self._server.stop()
        if self._listening is not None:
            await self._listening.wait_closed()
        if self._own is not None:
            self._own.cleanup()


def make_authority(hosts: Iterable[str], folder: Path) -> ssl.SSLContext:
    """Make a CA and a certificate of all hosts; return the server's context.

    Only the CA's certificate stays, as `authority.pem`. Its key is never written, and the server's only for the
    moment in which the context reads it, in a file that nobody else may read.
    """
    authority_key, server_key = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fake venues of tradewind, for tests only")])
    authority = (
        _certificate(issuer, issuer, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    names: list[x509.GeneralName] = [x509.DNSName(host) for host in sorted(hosts)]
    names += [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(_LOOPBACK))]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fake venue")])
    certificate = (
        _certificate(subject, issuer, server_key)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
        .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    (folder / "authority.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    return _server_context(certificate, server_key, folder)


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + _LIFE)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _server_context(
    certificate: x509.Certificate, key: EllipticCurvePrivateKey, folder: Path
) -> ssl.SSLContext:
    path = folder / "server.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secret + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
    finally:
        path.unlink(missing_ok=True)
    return context
