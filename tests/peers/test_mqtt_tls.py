"""The MQTT sink over TLS: who may be talked to, and what is said otherwise (FAULTS B15)."""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import re
import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.ports import SinkDownError
from agent.publisher import Condition
from agent.sinks.mqtt import MqttOptions
from agent.sinks.mqtt.connection import Connection, Login
from agent.sinks.mqtt.dialling import check_pin, tls_context
from tests.peers.fake_broker import FakeBroker
from tests.peers.mosquitto import Mosquitto
from tests.peers.mqtt_bench import CalmBench, MqttBench, eventually

NOT_OURS = re.compile(
    r"takes no client without a certificate that it trusts|does it want a `certificate` of ours\?"
)
"""What is said depends on whether its alert or its reset is the first to arrive."""


@dataclass(frozen=True)
class Signed:
    """A certificate, its key and their files."""

    certificate: x509.Certificate
    private: ec.EllipticCurvePrivateKey
    cert: Path
    key: Path


class Authority:
    """Signs certificates into a directory."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._signed: Signed | None = None
        self._signed = self.sign(name, authority=True)
        self.file = self._signed.cert

    def sign(
        self, name: str, *, days: int = 30, authority: bool = False, since: int = -60
    ) -> Signed:
        """Return a certificate for the name, valid between so many days from now."""
        private = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = self._signed
        now = dt.datetime.now(dt.UTC)
        try:
            alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            alternative = x509.DNSName(name)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer else subject)
            .public_key(private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + dt.timedelta(days=since))
            .not_valid_after(now + dt.timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        certificate = builder.sign(issuer.private if issuer else private, hashes.SHA256())
        cert, key = self._directory / f"{name}.pem", self._directory / f"{name}.key"
        cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key.write_bytes(
            private.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return Signed(certificate, private, cert, key)


def server_context(signed: Signed) -> ssl.SSLContext:
    """Return what a broker with this certificate listens with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(signed.cert, signed.key)
    return context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """The authority that the station file names."""
    return Authority(tmp_path, "Acme Root")


async def test_a_trusted_broker_gets_the_events(tmp_path: Path, authority: Authority) -> None:
    """Authority and name fit: everything works as without TLS."""
    broker_cert = authority.sign("127.0.0.1")
    async with FakeBroker(tls=server_context(broker_cert)) as broker:
        bench = CalmBench(tmp_path, broker.port, rows=300, scheme="mqtts", ca=str(authority.file))
        async with bench.running():
            await bench.until_confirmed(300)
        await broker.until(lambda: bool(broker.disconnects))
        assert len(broker.events) == 300
        assert broker.disconnects == [b""]


@pytest.mark.parametrize(
    ("signer", "name", "days", "cause"),
    [
        (
            "Other Root",
            "127.0.0.1",
            (-60, 30),
            "unable to get local issuer certificate; check `ca` and the host in `url`",
        ),
        (
            "Acme Root",
            "127.0.0.1",
            (-60, -1),
            (
                "certificate has expired; have it renewed, or set this machine's clock, which is "
                "past the certificate's last day"
            ),
        ),
        (
            "Acme Root",
            "127.0.0.1",
            (10, 30),
            (
                "certificate is not yet valid; set this machine's clock, which is before the "
                "certificate's first day"
            ),
        ),
        (
            "Acme Root",
            "broker.acme",
            (-60, 30),
            (
                "IP address mismatch, certificate is not valid for '127.0.0.1'; check `ca` and the "
                "host in `url`"
            ),
        ),
    ],
)
async def test_a_broker_that_is_not_who_it_should_be(
    tmp_path: Path, signer: str, name: str, days: tuple[int, int], cause: str
) -> None:
    """Wrong authority, name, or dates: not connected, and one line says which (B15, C09).

    Dates that do not fit may be the own clock's fault, as after a start without one.
    """
    (tmp_path / "other").mkdir()
    authority, other = Authority(tmp_path, "Acme Root"), Authority(tmp_path / "other", "Other Root")
    signs = authority if signer == "Acme Root" else other
    since, until = days
    signed = signs.sign(name, since=since, days=until)
    async with FakeBroker(tls=server_context(signed)) as broker:
        bench = MqttBench(tmp_path, broker.port, rows=1, scheme="mqtts", ca=str(authority.file))
        async with bench.running():
            state = await bench.until(Condition.DOWN)
        assert state.reason == (
            f"broker 127.0.0.1:{broker.port}: its certificate is not accepted: {cause}"
        )
        assert broker.connects == []


async def test_a_pin_accepts_that_certificate_alone(tmp_path: Path, authority: Authority) -> None:
    """Another certificate of the same authority is refused, and its hash is told."""
    first, second = authority.sign("127.0.0.1"), authority.sign("127.0.0.1")
    pins = [
        hashlib.sha256(s.certificate.public_bytes(serialization.Encoding.DER)).hexdigest()
        for s in (first, second)
    ]
    async with FakeBroker(tls=server_context(second)) as broker:
        options = {"scheme": "mqtts", "ca": str(authority.file)}
        bench = MqttBench(tmp_path, broker.port, rows=1, pin=pins[0], **options)
        async with bench.running():
            state = await bench.until(Condition.DOWN)
        assert state.reason == (
            f"broker 127.0.0.1:{broker.port}: shows another certificate (SHA-256 {pins[1]}); "
            "if it was renewed, correct `pin`"
        )
        assert broker.connects == []
        bench = MqttBench(tmp_path, broker.port, rows=1, pin=pins[1], **options)
        async with bench.running():
            await bench.until_confirmed(1)


async def test_a_plain_port_is_told_from_a_tls_port(tmp_path: Path, authority: Authority) -> None:
    """mqtts:// to a broker that speaks plain MQTT says what to check."""
    async with FakeBroker() as broker:
        bench = MqttBench(tmp_path, broker.port, scheme="mqtts", ca=str(authority.file))
        async with bench.running():
            state = await bench.until(Condition.DOWN)
    assert state.reason.startswith(f"broker 127.0.0.1:{broker.port}: ")
    assert "check that this is the port for mqtts://" in state.reason


async def test_a_missing_authority_file_is_told(tmp_path: Path) -> None:
    """A file that is not there is named as trouble with the credentials."""
    bench = MqttBench(tmp_path, 8883, scheme="mqtts", ca=str(tmp_path / "no.pem"))
    async with bench.running():
        state = await bench.until(Condition.DOWN)
    missing = f"`ca` {tmp_path}/no.pem: No such file or directory"
    assert f"its credentials cannot be read: {missing}; check " in state.reason


async def test_a_key_that_is_encrypted_is_told_and_nobody_is_asked(
    tmp_path: Path, authority: Authority
) -> None:
    """OpenSSL would ask for its pass phrase at the terminal, and wait for the answer."""
    ours = authority.sign("press-07")
    ours.key.write_bytes(
        ours.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"phrase"),
        )
    )
    bench = MqttBench(
        tmp_path,
        8883,
        scheme="mqtts",
        ca=str(authority.file),
        certificate=str(ours.cert),
        key=str(ours.key),
    )
    async with bench.running():
        state = await bench.until(Condition.DOWN)
    assert f"`key` {ours.key}: the key is encrypted, and nobody is here to open it" in state.reason


async def test_a_broker_that_has_hung_up_has_no_certificate_any_more(
    tmp_path: Path, authority: Authority
) -> None:
    """It may take our missing certificate amiss before its own was looked at: no more is known."""
    broker_cert = authority.sign("127.0.0.1")
    lines = (
        f"cafile {authority.file}",
        f"certfile {broker_cert.cert}",
        f"keyfile {broker_cert.key}",
        "require_certificate true",
    )
    async with Mosquitto(tmp_path, *lines) as broker:
        options = MqttOptions(
            url=f"mqtts://127.0.0.1:{broker.port}", ca=str(authority.file), pin="0" * 64
        )
        connection = await Connection.dial(
            Login(
                host=options.host,
                port=options.port,
                client_id="press-07",
                user=None,
                password=None,
                tls=tls_context(options),
            )
        )
        await connection.ended
    assert connection.certificate() == b""
    with pytest.raises(SinkDownError, match="closed the connection before its certificate could"):
        check_pin(options, connection.certificate())


async def test_a_broker_that_wants_our_certificate(tmp_path: Path, authority: Authority) -> None:
    """Mosquitto with client certificates: with ours all passes, without it nothing does."""
    broker_cert, ours = authority.sign("127.0.0.1"), authority.sign("press-07")
    lines = (
        f"cafile {authority.file}",
        f"certfile {broker_cert.cert}",
        f"keyfile {broker_cert.key}",
        "require_certificate true",
    )
    async with Mosquitto(tmp_path, *lines) as broker:
        options = {"scheme": "mqtts", "ca": str(authority.file)}
        bench = MqttBench(tmp_path, broker.port, rows=1, **options)
        async with bench.running():
            await eventually(lambda: any(NOT_OURS.search(state.reason) for state in bench.states))
        assert bench.confirmed == 0
        bench = MqttBench(
            tmp_path,
            broker.port,
            rows=500,
            certificate=str(ours.cert),
            key=str(ours.key),
            **options,
        )
        async with bench.running():
            await bench.until_confirmed(500)
