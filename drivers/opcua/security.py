"""Certificates: ours shown, the server's checked against what the station file trusts (D-161).

The library connects to any server unless it is handed exactly this: a validator with the flags
below and a store that is asked (PITFALLS U8).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from asyncua import Client, ua
from asyncua.crypto.security_policies import (
    SecurityPolicyAes128Sha256RsaOaep,
    SecurityPolicyAes256Sha256RsaPss,
    SecurityPolicyBasic256Sha256,
)
from asyncua.crypto.truststore import TrustStore
from asyncua.crypto.uacrypto import CertProperties
from asyncua.crypto.validator import CertificateValidator, CertificateValidatorOptions
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization

from drivers.base import DriverConfigError
from drivers.opcua import Security
from drivers.opcua.references import resolve

_POLICIES: dict[str, type[Any]] = {
    "Basic256Sha256": SecurityPolicyBasic256Sha256,
    "Aes128_Sha256_RsaOaep": SecurityPolicyAes128Sha256RsaOaep,
    "Aes256_Sha256_RsaPss": SecurityPolicyAes256Sha256RsaPss,
}
_MAKE_ONE = "make one with `lineside certificate make certificate.pem --key key.pem`"
_WARN_BEFORE = timedelta(days=30)
_PEM = b"-----BEGIN"


class TrustedFiles(TrustStore):
    """Trusts the certificates it holds, and those that one of them issued as an authority."""

    def __init__(self, known: tuple[x509.Certificate, ...]) -> None:
        super().__init__([], [])
        self._known = known

    def is_trusted(self, certificate: x509.Certificate) -> bool:
        """Whether it is one of ours, or was issued by one of ours."""
        return any(certificate == one or _issued(one, certificate) for one in self._known)


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Whether `issuer` is an authority and signed `certificate`."""
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        certificate.verify_directly_issued_by(issuer)
    except (x509.ExtensionNotFound, InvalidSignature, ValueError, TypeError):
        return False
    return constraints.ca


async def protect(client: Client, security: Security, where: str) -> None:
    """Prepare a client for a protected connection to one trusted server.

    Raises:
        DriverConfigError: a certificate or key is missing or no certificate or key, nothing is
            trusted, the server is another one, or it does not offer this policy.
    """
    certificate, key = _own(security)
    server = await _offered(client, security, where)
    client.certificate_validator = _validator(security, server, where)
    client.application_uri = _application_uri(certificate)
    await client.set_security(
        _POLICIES[security.policy],
        certificate=CertProperties(certificate.public_bytes(serialization.Encoding.DER), "der"),
        private_key=CertProperties(key, "pem" if key.startswith(_PEM) else "der"),
        server_certificate=CertProperties(server.public_bytes(serialization.Encoding.DER), "der"),
        mode=ua.MessageSecurityMode[security.mode],
    )


def ending(security: Security | None, wall_ms: int) -> tuple[str, ...]:
    """Return a warning where our certificate ends within 30 days, or has ended (D-161)."""
    if security is None or security.certificate is None:
        return ()
    certificate, *_ = _certificates(Path(security.certificate), _MAKE_ONE)
    end, now = certificate.not_valid_after_utc, datetime.fromtimestamp(wall_ms / 1000, UTC)
    if end - now > _WARN_BEFORE:
        return ()
    verb = "ends" if end > now else "has ended"
    told = f"our certificate {security.certificate} {verb} on {end:%Y-%m-%d}"
    return (f"{told}: `lineside certificate renew`, and have the server trust the new one",)


def _own(security: Security) -> tuple[x509.Certificate, bytes]:
    """Return our certificate and the bytes of its private key."""
    if security.certificate is None or security.key is None:
        raise DriverConfigError(
            None, f"{security.policy} needs our own `certificate` and `key`", _MAKE_ONE
        )
    certificate, *_ = _certificates(Path(security.certificate), _MAKE_ONE)
    key = resolve(security.key)
    load = serialization.load_pem_private_key
    if not key.startswith(_PEM):
        load = serialization.load_der_private_key
    try:
        public = load(key, password=None).public_key()
    except (ValueError, TypeError):
        raise DriverConfigError(
            None, f"{security.key}: no private key without a password", "store it as PEM or DER"
        ) from None
    if public != certificate.public_key():
        raise DriverConfigError(
            None, f"{security.key} is not the key of {security.certificate}", _MAKE_ONE
        )
    return certificate, key


def _certificates(path: Path, hint: str) -> tuple[x509.Certificate, ...]:
    """Return the certificates in a file."""
    try:
        content = path.read_bytes()
        if content.startswith(_PEM):
            return tuple(x509.load_pem_x509_certificates(content))
        return (x509.load_der_x509_certificate(content),)
    except OSError as error:
        raise DriverConfigError(None, f"{path}: {error.strerror}", hint) from None
    except ValueError:
        raise DriverConfigError(None, f"{path}: no certificate in PEM or DER", hint) from None


async def _offered(client: Client, security: Security, where: str) -> x509.Certificate:
    """Return the certificate of the endpoint that offers this policy and mode."""
    policy, mode = _POLICIES[security.policy].URI, ua.MessageSecurityMode[security.mode]
    endpoints = await client.connect_and_get_server_endpoints()
    for offer in endpoints:
        if offer.SecurityPolicyUri == policy and offer.SecurityMode == mode:
            return x509.load_der_x509_certificate(_first(offer.ServerCertificate))
    offered = sorted(
        {f"{one.SecurityPolicyUri.partition('#')[2]}/{one.SecurityMode.name}" for one in endpoints}
    )
    raise DriverConfigError(
        None,
        f"{where}: the server does not offer {security.policy}/{security.mode}",
        f"it offers {', '.join(offered)}",
    )


def _first(chain: bytes) -> bytes:
    """Return the leading certificate of a chain in DER (its length is in bytes 2 and 3)."""
    return chain[: int.from_bytes(chain[2:4], "big") + 4]


def _validator(security: Security, server: x509.Certificate, where: str) -> CertificateValidator:
    """Return the check of the server's certificate; one that nothing trusts is refused here."""
    known: list[x509.Certificate] = []
    if security.trust is not None:
        path = Path(security.trust)
        hint = "`trust` is a certificate or a folder that holds nothing else"
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        known = [one for file in files for one in _certificates(file, hint)]
    store = TrustedFiles(tuple(known))
    if not store.is_trusted(server):
        fingerprint = server.fingerprint(hashes.SHA256()).hex(":").upper()
        place = security.trust or "a folder named in `trust`"
        raise DriverConfigError(
            None,
            f"{where}: the server's certificate is not trusted: {server.subject.rfc4514_string()}, "
            f"SHA-256 {fingerprint}",
            f"compare the fingerprint at the PLC; is it the same, put the certificate in {place}",
        )
    flags = CertificateValidatorOptions
    return CertificateValidator(flags.TRUSTED_VALIDATION | flags.PEER_SERVER, store)


def _application_uri(certificate: x509.Certificate) -> str:
    """Return the URI in our certificate: the application must call itself the same."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier) if names is not None else []
    if not uris:
        raise DriverConfigError(None, "our certificate carries no application URI", _MAKE_ONE)
    return uris[0]
