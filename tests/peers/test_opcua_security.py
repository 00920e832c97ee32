"""The OPC UA driver and certificates: who is trusted, who is not, and what an engineer reads."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from asyncua import Server, ua
from asyncua.crypto.cert_gen import (
    dump_private_key_as_pem,
    generate_private_key,
    generate_self_signed_app_certificate,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from agent.app.certificates import make, now_utc
from drivers.base import Driver, DriverConfigError, LinkChanged
from drivers.opcua import OpcUaOptions
from drivers.opcua.link import connected
from tests.contract.rig import Recorder
from tests.contract.rig_opcua import driver_for, press_tags
from tests.opcua_plc import Plc

SERVER_URI = "urn:acme:plc"
Prepare = Callable[[Server], Awaitable[None]]


class Certificates:
    """Self-signed certificates with their keys: the PLC's, an impostor's, ours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trusted = folder / "trusted"

    def make(self) -> None:
        """Write them all; only the PLC's is trusted."""
        server, client = [ExtendedKeyUsageOID.SERVER_AUTH], [ExtendedKeyUsageOID.CLIENT_AUTH]
        for who, uri, use in (
            ("plc", SERVER_URI, server),
            ("impostor", SERVER_URI, server),
            ("ours", "urn:acme:lineside", client),
        ):
            key = generate_private_key()
            names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri)]
            certificate = generate_self_signed_app_certificate(key, who, {}, names, use)
            self.key(who).write_bytes(dump_private_key_as_pem(key))
            self.certificate(who).write_bytes(certificate.public_bytes(Encoding.DER))
        self.trusted.mkdir()
        (self.trusted / "plc.der").write_bytes(self.certificate("plc").read_bytes())

    def certificate(self, who: str) -> Path:
        """Return the file of a certificate."""
        return self.folder / f"{who}.der"

    def key(self, who: str) -> Path:
        """Return the file of a private key."""
        return self.folder / f"{who}.pem"

    def server_of(self, who: str) -> Prepare:
        """Return what makes a server show that certificate."""

        async def prepare(server: Server) -> None:
            server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
            await server.load_certificate(self.certificate(who).read_bytes(), "der")
            await server.load_private_key(self.key(who).read_bytes(), format="pem")
            await server.set_application_uri(SERVER_URI)

        return prepare

    def security(self, **changes: str | None) -> dict[str, str]:
        """Return the options of a station file, with changes; None leaves an option out."""
        given: dict[str, str | None] = {
            "policy": "Basic256Sha256",
            "certificate": str(self.certificate("ours")),
            "key": f"file:{self.key('ours')}",
            "trust": str(self.trusted),
            **changes,
        }
        return {name: value for name, value in given.items() if value is not None}


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    """Return fresh certificates."""
    made = Certificates(tmp_path)
    made.make()
    return made


def secured(plc: Plc, security: dict[str, str]) -> Driver:
    """Return a driver with these security options."""
    return driver_for(plc.url, press_tags(), security=security)


async def refusal(plc: Plc, security: dict[str, str]) -> str:
    """Return what the run is refused with; no session is made."""
    with pytest.raises(DriverConfigError) as caught:
        await secured(plc, security).run(Recorder())
    await plc.let_go()
    return str(caught.value)


@pytest.mark.parametrize("trust", ["trusted", "plc.der"])
async def test_trusted_server_is_talked_to(certificates: Certificates, trust: str) -> None:
    """A folder or a file that holds the server's certificate lets its values through."""
    async with Plc(prepare=certificates.server_of("plc")) as plc:
        security = certificates.security(trust=str(certificates.folder / trust))
        recorder = Recorder()
        task = asyncio.create_task(secured(plc, security).run(recorder))
        await recorder.until(lambda seen: "serial" in seen.values())
        assert recorder.values()["serial"].value == "SN-0001"
        task.cancel()
        await asyncio.wait([task])


async def test_channel_is_renewed_under_way(certificates: Certificates) -> None:
    """A renewed channel carries on with its new keys; a shift is longer than a channel's life."""
    async with Plc(prepare=certificates.server_of("plc")) as plc:
        options = OpcUaOptions.model_validate({"url": plc.url, "security": certificates.security()})
        async with connected(options) as link:
            request = link.read_request([plc.node_of("Serial")])
            for _ in range(3):
                await link.renew_channel()
                ((value, *_),) = await link.values(request)
                assert value == "SN-0001"


@pytest.mark.parametrize("days", [20, 365])
async def test_certificate_of_our_own_command_is_taken(
    certificates: Certificates, days: int
) -> None:
    """What `lineside certificate make` makes protects a session; near its end a warning says so."""
    ours, key = certificates.folder / "made.pem", certificates.folder / "made.key"
    make(ours, key, "gw-7.acme", days, now_utc())
    async with Plc(prepare=certificates.server_of("plc")) as plc:
        recorder = Recorder()
        given = certificates.security(certificate=str(ours), key=f"file:{key}")
        task = asyncio.create_task(secured(plc, given).run(recorder))
        await recorder.until(lambda seen: "serial" in seen.values())
        told = [one.warnings for one in recorder.seen if isinstance(one, LinkChanged)]
        assert [sum("certificate renew" in line for line in lines) for lines in told] == [days < 30]
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.parametrize("trust", ["trusted", None])
async def test_impostor_is_not_talked_to(certificates: Certificates, trust: str | None) -> None:
    """A server with another key is refused with its fingerprint, whether or not any is trusted."""
    folder = str(certificates.folder / trust) if trust else None
    given = certificates.security(trust=folder)
    der = certificates.certificate("impostor").read_bytes()
    fingerprint = x509.load_der_x509_certificate(der).fingerprint(hashes.SHA256())
    async with Plc(prepare=certificates.server_of("impostor")) as plc:
        told = await refusal(plc, given)
        assert told.startswith(f"{plc.url}: the server's certificate is not trusted: ")
        assert f"SHA-256 {fingerprint.hex(':').upper()}" in told
        assert "compare the fingerprint at the PLC" in told


async def test_policy_that_the_server_lacks_is_answered_with_what_it_has(
    certificates: Certificates,
) -> None:
    """A policy that is not offered is named together with those that are."""
    async with Plc(prepare=certificates.server_of("plc")) as plc:
        told = await refusal(plc, certificates.security(policy="Aes256_Sha256_RsaPss"))
        assert told == (
            f"{plc.url}: the server does not offer Aes256_Sha256_RsaPss/SignAndEncrypt; "
            "it offers Basic256Sha256/SignAndEncrypt"
        )


async def test_talking_in_the_clear_is_refused_by_a_server_that_does_not_want_it(
    certificates: Certificates,
) -> None:
    """A server without an open endpoint refuses policy None, and the error says so."""
    async with Plc(prepare=certificates.server_of("plc")) as plc:
        told = await refusal(plc, {"policy": "None"})
        assert told == (
            f"{plc.url}: the server offers no connection in the clear; set `security` with a "
            "policy, our certificate and key, and what to trust"
        )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"certificate": None}, "Basic256Sha256 needs our own `certificate` and `key`"),
        ({"key": None}, "Basic256Sha256 needs our own `certificate` and `key`"),
        ({"certificate": "/nowhere/ours.der"}, "/nowhere/ours.der: No such file or directory"),
        ({"key": "env:NO_SUCH_KEY"}, "no environment variable NO_SUCH_KEY"),
        ({"trust": "/nowhere/trusted"}, "/nowhere/trusted: No such file or directory"),
    ],
)
async def test_missing_file_is_named(
    certificates: Certificates, changes: dict[str, str | None], told: str
) -> None:
    """What is missing on our side is named with what to do about it."""
    async with Plc(prepare=certificates.server_of("plc")) as plc:
        assert (await refusal(plc, certificates.security(**changes))).startswith(told)


async def test_key_of_another_certificate_is_named(certificates: Certificates) -> None:
    """A key that does not belong to the certificate is found before anything is sent."""
    async with Plc(prepare=certificates.server_of("plc")) as plc:
        key = f"file:{certificates.key('plc')}"
        told = await refusal(plc, certificates.security(key=key))
        assert told.startswith(f"{key} is not the key of {certificates.certificate('ours')}; make")


async def test_private_key_in_the_trust_folder_is_named(certificates: Certificates) -> None:
    """A trust folder holds certificates only; what else lies there is named."""
    stray = certificates.trusted / "key.pem"
    stray.write_bytes(certificates.key("plc").read_bytes())
    async with Plc(prepare=certificates.server_of("plc")) as plc:
        told = await refusal(plc, certificates.security())
        assert told.startswith(f"{stray}: no certificate in PEM or DER")
