"""Our own application certificate for OPC UA: made, renewed with the same key, shown (D-161).

Its form is what servers look for: the application URI and the host's name in the subject
alternative name, the key usages of an application instance, RSA of 2048 bits, SHA-256. It is
self-signed; a plant with an authority of its own has that one sign, and names the result in the
station file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.app.keyfiles import KeyFileError, read, write_new

__all__ = ["KeyFileError", "Shown", "make", "renew", "show"]

RENEW_BEFORE = timedelta(days=30)
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_BACKDATED = timedelta(hours=1)
"""A PLC's clock that lags a little must not find it not yet valid."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a person compares at the server."""

    path: Path
    subject: str
    uri: str
    fingerprint: str
    """SHA-256, as servers show it."""
    until: datetime
    days_left: int

    @property
    def is_due(self) -> bool:
        """Whether it should be renewed now."""
        return self.days_left < RENEW_BEFORE.days


def make(certificate: Path, key: Path, host: str, days: int, now: datetime) -> Shown:
    """Make a private key and its certificate.

    Raises:
        KeyFileError: one of the files is there already or cannot be written, or the host is none.
    """
    if not _HOST.fullmatch(host):
        raise KeyFileError(f"'{host}' is no host name; give --host NAME")
    if certificate.exists():
        raise KeyFileError(f"{certificate}: there is one already; name another file, or renew it")
    made = generate_private_key(65537, 2048)
    names = x509.SubjectAlternativeName(
        [x509.UniformResourceIdentifier(f"urn:{host}:lineside"), x509.DNSName(host)]
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"lineside@{host}"[:64])])
    content = _signed(made, subject, names, days, now)
    write_new(
        key, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), private=True
    )
    write_new(certificate, content, private=False)
    return show(certificate, now)


def renew(old: Path, key: Path, new: Path, days: int, now: datetime) -> Shown:
    """Make a certificate like another one, with the same key and names, valid from now on.

    Raises:
        KeyFileError: a file cannot be read or written, or the key is not that certificate's.
    """
    before, private = _certificate(old), _key(key)
    if private.public_key() != before.public_key():
        raise KeyFileError(f"{key} is not the key of {old}")
    names = before.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    write_new(new, _signed(private, before.subject, names, days, now), private=False)
    return show(new, now)


def show(path: Path, now: datetime) -> Shown:
    """Return what a certificate says of itself.

    Raises:
        KeyFileError: it cannot be read, or is no application's.
    """
    certificate = _certificate(path)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    until = certificate.not_valid_after_utc
    return Shown(
        path=path,
        subject=certificate.subject.rfc4514_string(),
        uri=names.get_values_for_type(x509.UniformResourceIdentifier)[0],
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
        until=until,
        days_left=(until - now) // timedelta(days=1),
    )


def _signed(
    key: RSAPrivateKey,
    subject: x509.Name,
    names: x509.SubjectAlternativeName,
    days: int,
    now: datetime,
) -> bytes:
    """Return a self-signed certificate as PEM (OPC 10000-6, 6.2.2)."""
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=True,
        data_encipherment=True,
        key_agreement=False,
        key_cert_sign=True,  # of a self-signed one
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    public = key.public_key()
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (
        (x509.SubjectKeyIdentifier.from_public_key(public), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(public), False),
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (usage, True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),
        (names, False),
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + timedelta(days=days))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _certificate(path: Path) -> x509.Certificate:
    content = read(path)
    load: Callable[[bytes], x509.Certificate] = x509.load_der_x509_certificate
    if content.startswith(b"-----BEGIN"):
        load = x509.load_pem_x509_certificate
    try:
        found = load(content)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except ValueError:
        raise KeyFileError(f"{path}: no certificate in PEM or DER") from None
    except x509.ExtensionNotFound:
        names = None
    if names is None or not names.get_values_for_type(x509.UniformResourceIdentifier):
        raise KeyFileError(f"{path}: no application's certificate: it carries no application URI")
    return found


def _key(path: Path) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(read(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyFileError(f"{path}: no private key in PEM without a password") from None
    if not isinstance(key, RSAPrivateKey):
        raise KeyFileError(f"{path}: a private key, but none of RSA, as OPC UA needs it")
    return key


def now_utc() -> datetime:
    """Return the time by this machine's clock."""
    return datetime.now(UTC)
