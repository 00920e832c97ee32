"""`lineside certificate`: what a server needs to know this agent by, without openssl."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.app import certificates
from agent.app.certificates import KeyFileError
from agent.cli import exits
from tests.unit.cli.test_checkpoint import call

NOW = datetime(2026, 11, 25, 6, tzinfo=UTC)


def made(folder: Path, days: int = 365) -> tuple[Path, Path]:
    """Return a certificate and its key."""
    certificate, key = folder / "ours.pem", folder / "ours.key"
    certificates.make(certificate, key, "gw-7.acme", days, NOW)
    return certificate, key


def test_it_is_what_a_server_looks_for(tmp_path: Path) -> None:
    """D-161: application URI and host, the usages of an application instance; the key is ours."""
    path, key = made(tmp_path)
    found = x509.load_pem_x509_certificate(path.read_bytes())
    extensions = found.extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["urn:gw-7.acme:lineside"]
    assert names.get_values_for_type(x509.DNSName) == ["gw-7.acme"]
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert usage.content_commitment
    assert usage.key_encipherment
    assert usage.data_encipherment
    extended = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(extended) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    found.verify_directly_issued_by(found)
    assert key.stat().st_mode & 0o777 == 0o600
    assert found.not_valid_before_utc < NOW < found.not_valid_after_utc


def test_a_renewed_one_has_the_same_key_and_names(tmp_path: Path) -> None:
    """A server that trusts by the key or by the URI knows it; the old file stays as it is."""
    path, key = made(tmp_path)
    before = path.read_bytes()
    later = NOW + timedelta(days=340)
    shown = certificates.renew(path, key, tmp_path / "next.pem", 365, later)
    old = x509.load_pem_x509_certificate(before)
    new = x509.load_pem_x509_certificate((tmp_path / "next.pem").read_bytes())
    assert path.read_bytes() == before
    assert (new.subject, new.public_key()) == (old.subject, old.public_key())
    assert new.serial_number != old.serial_number
    assert (shown.uri, shown.days_left) == ("urn:gw-7.acme:lineside", 365)
    assert [certificates.show(path, later).is_due, shown.is_due] == [True, False]


def test_nothing_is_written_over(tmp_path: Path) -> None:
    """Neither a key nor a certificate that is there."""
    path, key = made(tmp_path)
    with pytest.raises(KeyFileError, match="there is one already; name another file, or renew it"):
        certificates.make(path, key, "gw-7", 365, NOW)
    with pytest.raises(KeyFileError, match="nothing is written over a key"):
        certificates.make(tmp_path / "other.pem", key, "gw-7", 365, NOW)
    assert not (tmp_path / "other.pem").exists()
    with pytest.raises(KeyFileError, match="there is one already"):
        certificates.renew(path, key, path, 365, NOW)


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    """Another key, no key, a key of another sort, no certificate, one without a URI, no host."""
    path, key = made(tmp_path)
    (tmp_path / "other").mkdir()
    _, other = made(tmp_path / "other")
    new = tmp_path / "new.pem"
    with pytest.raises(KeyFileError, match=f"{other} is not the key of {path}"):
        certificates.renew(path, other, new, 365, NOW)
    with pytest.raises(KeyFileError, match="no private key in PEM without a password"):
        certificates.renew(path, path, new, 365, NOW)
    edwards = Ed25519PrivateKey.generate()
    other.write_bytes(edwards.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(KeyFileError, match="a private key, but none of RSA"):
        certificates.renew(path, other, new, 365, NOW)
    with pytest.raises(KeyFileError, match="no certificate in PEM or DER"):
        certificates.show(key, NOW)
    other.write_bytes(b"junk")
    with pytest.raises(KeyFileError, match="no certificate in PEM or DER"):
        certificates.show(other, NOW)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "plain")])
    plain = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(edwards.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(edwards, None)
    )
    other.write_bytes(plain.public_bytes(Encoding.DER))
    with pytest.raises(KeyFileError, match="it carries no application URI"):
        certificates.show(other, NOW)
    with pytest.raises(KeyFileError, match="'no host!' is no host name; give --host NAME"):
        certificates.make(new, tmp_path / "new.key", "no host!", 365, NOW)


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Made, shown, renewed; one that ends within 30 days has exit code 1."""
    path, key, new = tmp_path / "ours.pem", tmp_path / "ours.key", tmp_path / "new.pem"
    give = ("--key", str(key), "--days")
    code, out, _ = call(capsys, "certificate", "make", str(path), *give, "29", "--host", "gw-7")
    assert code == exits.OK
    assert "application URI  urn:gw-7:lineside" in out
    assert f'security: {{certificate: "{path}", key: "file:{key}"}}' in out
    found = x509.load_pem_x509_certificate(path.read_bytes())
    assert found.fingerprint(hashes.SHA256()).hex(":").upper() in out
    code, out, _ = call(capsys, "certificate", "show", str(path))
    assert (code, "RENEW IT" in out) == (exits.REFUSED, True)
    assert call(capsys, "certificate", "renew", str(path), str(new), *give, "365")[0] == exits.OK
    assert call(capsys, "certificate", "show", str(new))[0] == exits.OK
    code, _, complaints = call(capsys, "certificate", "show", str(tmp_path / "none"))
    assert code == exits.REFUSED
    assert complaints == (
        f"lineside certificate: {tmp_path / 'none'}: cannot be read: No such file or directory\n"
    )
    code, _, complaints = call(capsys, "certificate", "make", str(path), *give, "0")
    assert (code, "is not between 1 and" in complaints) == (exits.USAGE, True)
