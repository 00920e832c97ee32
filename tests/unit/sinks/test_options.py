"""What a station file may say of a sink, and what is refused with which words."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from agent.ports import Address, Delivery
from agent.sinks.file import FileOptions
from agent.sinks.mqtt import MqttOptions
from agent.sinks.options import (
    FORMATS,
    Position,
    SinkOptions,
    position_of,
    secret_reference,
    size_bytes,
)
from agent.sinks.registry import SINKS, sink_spec
from tests.doubles import EPOCH, MemoryJournal, event_row


def _refusals(model: type[SinkOptions], **options: object) -> list[str]:
    """Return what is wrong with the options."""
    with pytest.raises(ValidationError) as refused:
        model.model_validate(options)
    return [str(error["msg"]).removeprefix("Value error, ") for error in refused.value.errors()]


def test_registering_a_sink_loads_no_library() -> None:
    """Validating a station file costs no import of a transport's library."""
    script = (
        "import sys\n"
        "from agent.sinks.registry import SINKS, sink_spec\n"
        "[sink_spec(name) for name in SINKS]\n"
        "sys.exit('paho' in sys.modules or 'google.protobuf' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_an_unknown_sink_is_a_key_error() -> None:
    """Whoever asks for a sink that there is not learns it."""
    with pytest.raises(KeyError):
        sink_spec("kafka")
    assert sorted(SINKS) == ["file", "mqtt", "sparkplug"]


@pytest.mark.parametrize("good", ["credential:broker", "file:/run/secret", "env:BROKER_PASSWORD"])
def test_a_reference_to_a_secret_is_kept(good: str) -> None:
    """A credential, a file and a variable can be named."""
    assert secret_reference(good) == good


@pytest.mark.parametrize(
    "bad", ["hunter2", "credential:", "file:relative", "env:9", "env:A B", "env:A\n"]
)
def test_a_secret_itself_is_refused(bad: str) -> None:
    """A station file holds no secret; the text says what to write, and not what was written."""
    with pytest.raises(ValueError, match=r"^not a reference to a secret; write ") as refused:
        secret_reference(bad)
    assert bad not in str(refused.value).split("write")[0]


def test_sizes_have_a_unit() -> None:
    """64MiB is a size; a bare number and a lower-case unit are guesses."""
    assert size_bytes("64MiB") == 64 * 1024 * 1024
    assert size_bytes(" 1 GiB ") == 1024**3
    for bad in (64, "64", "64mib", "1.5MiB", None):
        with pytest.raises(ValueError, match="is not a size"):
            size_bytes(bad)


def test_a_kind_that_is_not_is_refused() -> None:
    """A typing error in a filter would silently send nothing."""
    (text,) = _refusals(FileOptions, path="a", kinds=["unit_complete"])
    assert text.startswith("no event is called 'unit_complete'; the kinds are ")
    assert FileOptions.model_validate({"path": "a", "kinds": ["unit_completed"]}).kinds


def test_a_sink_is_required_unless_said_otherwise() -> None:
    """Nothing is deleted before every sink has it, unless the file says that it may be."""
    assert FileOptions.model_validate({"path": "a"}).required


def test_unknown_options_are_refused() -> None:
    """A key that does nothing is an error."""
    assert _refusals(FileOptions, path="a", rotat="1MiB") == ["Extra inputs are not permitted"]


def test_the_format_passes_on_what_belongs_to_the_stream() -> None:
    """`after` and `resend` stand beside the event."""
    delivery = Delivery(row=event_row(2), after=Address(EPOCH, 1), resend=True)
    assert f'"after":"{EPOCH}-1","resend":true'.encode() in FORMATS["json"](delivery)


def test_an_empty_journal_has_no_position() -> None:
    """There is nothing to say before the first event."""
    assert position_of(MemoryJournal()) is None


def test_the_position_is_the_journals() -> None:
    """The newest event, its hash, and the oldest that is kept."""
    journal = MemoryJournal([event_row(seq) for seq in (4, 5)])
    assert position_of(journal) == Position(
        epoch=EPOCH, first_kept=f"{EPOCH}-4", last_seq=5, last_hash=f"{5:064x}"
    )


# ------------------------------------------------------------------ MQTT


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        ("mqtt://127.0.0.1", "127.0.0.1", 1883, False),
        ("mqtts://broker.acme", "broker.acme", 8883, True),
        ("mqtts://broker.acme:9000/", "broker.acme", 9000, True),
        ("mqtt://[::1]:1884", "::1", 1884, False),
    ],
)
def test_a_broker_url(url: str, host: str, port: int, *, tls: bool) -> None:
    """Scheme, host and port, each scheme with its usual port."""
    options = MqttOptions(url=url)
    assert (options.host, options.port, options.tls) == (host, port, tls)


@pytest.mark.parametrize(
    "url", ["broker", "tcp://broker", "mqtt://", "mqtt://a/b", "mqtt://a?x=1", "mqtts:broker"]
)
def test_what_is_no_broker_url(url: str) -> None:
    """Anything else is refused with the form to write."""
    (text,) = _refusals(MqttOptions, url=url)
    assert text == f"{url!r} is no broker; write mqtts://HOST, mqtt://HOST, or one with :PORT"


def test_a_port_that_cannot_be_one() -> None:
    """A number out of range is refused when the file is read."""
    assert _refusals(MqttOptions, url="mqtt://a:99999") == ["Port out of range 0-65535"]


def test_no_password_in_a_url() -> None:
    """It would be in every log line that names the broker."""
    (text,) = _refusals(MqttOptions, url="mqtt://user:hunter2@broker")
    assert text == "no user or password in the URL; use `user` and `password`"


def test_a_password_needs_tls_or_a_word() -> None:
    """Over plain MQTT a password goes to this machine, or with an explicit word (DESIGN 10)."""
    login = {"user": "press", "password": "credential:broker"}
    (text,) = _refusals(MqttOptions, url="mqtt://broker.acme", **login)
    assert text == (
        "the password would be sent in the clear; write mqtts:// in `url`, "
        "or say `plain_password: true`"
    )
    for url, more in (
        ("mqtts://broker.acme", {}),
        ("mqtt://127.0.0.1", {}),
        ("mqtt://broker.acme", {"plain_password": True}),
    ):
        assert MqttOptions.model_validate({"url": url, **login, **more}).user == "press"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"url": "mqtt://a", "ca": "x"}, "`ca` is for TLS; write mqtts:// in `url`"),
        ({"url": "mqtt://a", "pin": "0" * 64}, "`pin` is for TLS; write mqtts:// in `url`"),
        ({"url": "mqtts://a", "key": "x"}, "`certificate` and `key` belong together"),
        ({"url": "mqtts://a", "password": "env:A"}, "`password` needs a `user`"),
        (
            {"url": "mqtts://a", "root": "Acme"},
            (
                "segment 'Acme' of 'Acme' cannot stand in a topic; "
                "use a-z, 0-9, _ and - between the slashes"
            ),
        ),
    ],
)
def test_options_that_do_not_fit_together(options: dict[str, object], text: str) -> None:
    """Half a configuration is refused, never completed by guess."""
    assert _refusals(MqttOptions, **options) == [text]


@pytest.mark.parametrize("window", [0, 101])
def test_the_window_is_small(window: int) -> None:
    """A window above 100 is slower, and one of 0 is none."""
    assert len(_refusals(MqttOptions, url="mqtt://a", window=window)) == 1
