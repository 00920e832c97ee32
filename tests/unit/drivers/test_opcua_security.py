"""Which certificates are trusted, and which of our own files are refused, without a server."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asyncua import Client
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from drivers.base import DriverConfigError
from drivers.opcua import Security
from drivers.opcua.security import TrustedFiles, ending, protect

DAY = timedelta(days=1)
NOW = datetime(2026, 11, 30, tzinfo=UTC)
KEYS = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)]


def issued(
    name: str,
    key: rsa.RSAPrivateKey,
    by: tuple[str, rsa.RSAPrivateKey],
    *extensions: x509.ExtensionType,
) -> x509.Certificate:
    """Return a certificate for a name and a key, signed by another."""
    issuer, signer = by
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(signer, hashes.SHA256())


def authority(*, is_one: bool) -> x509.Certificate:
    """Return a plant's self-signed certificate, which says of itself whether it may issue."""
    own = ("plant", KEYS[0])
    return issued("plant", KEYS[0], own, x509.BasicConstraints(ca=is_one, path_length=None))


def test_what_a_trusted_authority_issued_is_trusted() -> None:
    """One authority's certificate stands for every PLC of a plant."""
    plc = issued("plc", KEYS[1], ("plant", KEYS[0]))
    assert TrustedFiles((authority(is_one=True),)).is_trusted(plc)


def test_certificate_that_is_no_authority_issues_nothing() -> None:
    """A trusted PLC cannot vouch for another one."""
    plc = issued("plc", KEYS[1], ("plant", KEYS[0]))
    assert not TrustedFiles((authority(is_one=False),)).is_trusted(plc)
    assert not TrustedFiles((issued("plant", KEYS[0], ("plant", KEYS[0])),)).is_trusted(plc)


def test_name_of_an_authority_is_not_enough() -> None:
    """Who only calls itself issued by a trusted authority is not trusted."""
    forged = issued("plc", KEYS[1], ("plant", KEYS[1]))
    assert not TrustedFiles((authority(is_one=True),)).is_trusted(forged)


def test_certificate_itself_is_trusted_and_nothing_is_without_any() -> None:
    """A pinned certificate is trusted as it is; an empty store trusts nobody."""
    plc = issued("plc", KEYS[1], ("plc", KEYS[1]))
    assert TrustedFiles((plc,)).is_trusted(plc)
    assert not TrustedFiles(()).is_trusted(plc)


def key_file(folder: Path, encoding: Encoding, encryption: KeySerializationEncryption) -> str:
    """Return a reference to our private key, written that way."""
    path = folder / "key"
    path.write_bytes(KEYS[1].private_bytes(encoding, PrivateFormat.PKCS8, encryption))
    return f"file:{path}"


def certificate_file(folder: Path, content: bytes) -> str:
    """Return the file of our certificate."""
    path = folder / "certificate"
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize(
    ("encoding", "encryption", "certificate", "told"),
    [
        (
            Encoding.PEM,
            BestAvailableEncryption(b"secret"),
            issued("ours", KEYS[1], ("ours", KEYS[1])).public_bytes(Encoding.PEM),
            "no private key without a password",
        ),
        (Encoding.DER, NoEncryption(), b"-----BEGIN nothing", "no certificate in PEM or DER"),
        (Encoding.DER, NoEncryption(), b"nothing", "no certificate in PEM or DER"),
    ],
)
async def test_file_of_ours_that_cannot_be_used_is_named(
    tmp_path: Path,
    encoding: Encoding,
    encryption: KeySerializationEncryption,
    certificate: bytes,
    told: str,
) -> None:
    """A locked key or a broken certificate is found before anything is sent."""
    security = Security(
        policy="Basic256Sha256",
        certificate=certificate_file(tmp_path, certificate),
        key=key_file(tmp_path, encoding, encryption),
    )
    with pytest.raises(DriverConfigError, match=told):
        await protect(Client("opc.tcp://localhost"), security, "opc.tcp://localhost:4840")


@pytest.mark.parametrize(
    ("days_before", "told"), [(31, None), (29, "ends on"), (-1, "has ended on")]
)
def test_end_of_our_certificate_is_told_in_time(
    tmp_path: Path, days_before: int, told: str | None
) -> None:
    """D-161: 30 days before, with what to do; a connection without one has no end."""
    ours = issued("ours", KEYS[1], ("ours", KEYS[1]))
    security = Security(
        policy="Basic256Sha256",
        certificate=certificate_file(tmp_path, ours.public_bytes(Encoding.PEM)),
    )
    at = ours.not_valid_after_utc - timedelta(days=days_before)
    warnings = ending(security, round(at.timestamp() * 1000))
    assert [told in line and "certificate renew" in line for line in warnings if told] == (
        [True] if told else []
    )
    assert len(warnings) == (told is not None)
    assert ending(None, 0) == ending(Security(policy="None"), 0) == ()
