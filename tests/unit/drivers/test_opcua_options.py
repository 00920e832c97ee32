"""What a station file may say of an OPC UA server: nodes, references, options."""

import sys
from pathlib import Path
from subprocess import run
from uuid import UUID

import pytest
from pydantic import ValidationError

from drivers.base import DriverConfigError
from drivers.opcua import SPEC, OpcUaOptions, OpcUaTag, endpoint
from drivers.opcua.addresses import NodeAddress, parse_node
from drivers.opcua.references import resolve, resolve_text


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("nsu=urn:acme;s=Press.Count", NodeAddress("urn:acme", "Press.Count")),
        ('nsu=urn:acme;s="DB"."a;b=c"', NodeAddress("urn:acme", '"DB"."a;b=c"')),
        ("nsu=urn:a%3Bb%25c;i=7", NodeAddress("urn:a;b%c", 7)),
        ("nsu=http://opcfoundation.org/UA/;i=2258", NodeAddress(None, 2258)),
        ("ns=0;i=2258", NodeAddress(None, 2258)),
        ("i=2258", NodeAddress(None, 2258)),
        ("nsu=urn:acme;b=AQI=", NodeAddress("urn:acme", b"\x01\x02")),
        (
            "nsu=urn:acme;g=72962b91-fa75-4ae6-8d28-b404dc7daf63",
            NodeAddress("urn:acme", UUID("72962b91-fa75-4ae6-8d28-b404dc7daf63")),
        ),
    ],
)
def test_node_is_read_as_written(text: str, node: NodeAddress) -> None:
    """A node is its namespace's URI and its identifier; escapes in the URI are undone."""
    assert parse_node(text) == node


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Press.Count",
        "s=",
        "nsu=;s=x",
        "x=1",
        "nsu=urn:a;i=-1",
        "i=4294967296",
        "i=one",
        "g=1",
        "b=?",
    ],
)
def test_what_is_no_node_is_refused(text: str) -> None:
    """Anything else is refused when the file is loaded, not when the PLC is reached."""
    with pytest.raises(ValueError, match=r".+"):
        parse_node(text)


def test_namespace_by_number_is_refused_with_the_reason() -> None:
    """A namespace number may mean another machine tomorrow; the error says so (D-160)."""
    with pytest.raises(ValidationError, match="a server may give to another one at its next start"):
        OpcUaTag(node="ns=4;s=Press.Count")


def test_endpoint_is_host_and_port() -> None:
    """Two spellings of one server are one endpoint; the port has a default."""
    for url in ("opc.tcp://LOCALHOST", "opc.tcp://localhost:4840/press"):
        assert endpoint(OpcUaOptions(url=url)) == "opc.tcp://localhost:4840"
    assert SPEC.endpoint(OpcUaOptions(url="opc.tcp://[::1]:1")) == "opc.tcp://[::1]:1"


def test_intervals_have_units_and_defaults() -> None:
    """Durations are read with their unit; what is not said has the documented default."""
    options = OpcUaOptions.model_validate(
        {"url": "opc.tcp://localhost", "fast_interval": "20ms", "timeout": "5s"}
    )
    assert (options.fast_interval, options.timeout) == (0.02, 5.0)
    assert (options.sampling_interval, options.publishing_interval) == (0.05, 0.1)
    assert options.source_clock == "plc"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"url": "http://localhost"}, "is not an endpoint"),
        ({"url": "opc.tcp://"}, "is not an endpoint"),
        ({"url": "opc.tcp://u:p@localhost"}, "an endpoint carries no user"),
        ({"url": "opc.tcp://localhost:x"}, "Port could not be cast"),
        ({"url": "opc.tcp://10.0.3.7"}, "say how the connection is protected"),
        ({"url": "opc.tcp://localhost", "password": "env:P"}, "`password` without `user`"),
        ({"url": "opc.tcp://localhost", "user": "u", "password": "x"}, "a secret is named"),
        ({"url": "opc.tcp://localhost", "fast_interval": "0ms"}, "greater than or equal"),
        ({"url": "opc.tcp://localhost", "fast_interval": 10}, "is not a duration"),
        ({"url": "opc.tcp://localhost", "security": {"policy": "Basic256"}}, "Input should be"),
    ],
)
def test_wrong_options_are_refused(given: dict[str, object], told: str) -> None:
    """What cannot work, or risks what nobody has said to risk, is refused with the reason."""
    with pytest.raises(ValidationError, match=told):
        OpcUaOptions.model_validate(given)


def test_refused_secret_is_not_repeated() -> None:
    """A secret written where a reference belongs does not show in our words about it."""
    with pytest.raises(ValidationError) as caught:
        OpcUaOptions.model_validate(
            {"url": "opc.tcp://localhost", "user": "u", "password": "hunter2"}
        )
    assert "hunter2" not in caught.value.errors()[0]["msg"]


def test_talking_in_the_clear_can_be_said() -> None:
    """`security: {policy: None}` is the explicit flag for a network of one's own (D-161)."""
    options = OpcUaOptions.model_validate(
        {"url": "opc.tcp://10.0.3.7", "security": {"policy": "None"}}
    )
    assert options.security is not None
    assert options.security.policy == "None"


def test_secret_is_found_where_it_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A credential of the unit, a file and the environment; an editor's line end is no part."""
    (tmp_path / "plc").write_text("opensesame\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("PLC_PASSWORD", "opensesame")
    for where in ("credential:plc", f"file:{tmp_path / 'plc'}", "env:PLC_PASSWORD"):
        assert resolve_text(where) == "opensesame"


def test_missing_secret_is_named_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kind of reference says what is missing and where to put it."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.delenv("NOTHING", raising=False)
    for where, told in (
        ("credential:plc", "add LoadCredential=plc:/path to the unit"),
        (f"file:{tmp_path / 'none'}", "No such file or directory"),
        ("env:NOTHING", "no environment variable NOTHING"),
    ):
        with pytest.raises(DriverConfigError, match=told):
            resolve(where)


def test_secret_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """A password file in another encoding is refused, not guessed at."""
    (tmp_path / "plc").write_bytes(b"\xff\xfe")
    with pytest.raises(DriverConfigError, match="not text"):
        resolve_text(f"file:{tmp_path / 'plc'}")


def test_station_without_opc_ua_does_not_pay_for_it() -> None:
    """Options and SPEC come without the protocol library, which costs half a second."""
    code = "import sys, drivers.opcua; sys.exit('asyncua' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0
