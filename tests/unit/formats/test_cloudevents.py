"""The envelope: thin, and the event inside untouched."""

import orjson
import pytest

from agent.core.events import EventTime, LinkLost
from agent.formats.cloudevents import envelope, source
from agent.formats.codec import FormatError
from agent.journal.chain import seal
from agent.ports import Address
from drivers.base import ClockState
from tests.histories import History, make


def test_the_message_copies_five_fields_and_carries_the_event_byte_for_byte() -> None:
    """D-116: id, source, type, time, subject are copies; `data` is what was stored."""
    history = History()
    history.start(42)
    row = history.unit("unit-7")
    message = envelope(row.body)
    assert message.endswith(b',"data":' + row.body + b"}")
    head = orjson.loads(message)
    assert head.pop("data")["hash"] == row.hash
    assert head == {
        "specversion": "1.0",
        "id": f"{row.address}",
        "source": "urn:lineside:acme:graz:line-3:press-07",
        "type": "lineside.unit_completed.v1",
        "time": "2026-11-30T09:00:02.000Z",
        "subject": "unit-7",
        "datacontenttype": "application/json",
    }


def test_what_belongs_to_the_stream_stands_beside_the_event() -> None:
    """`after` and `resend` are extension attributes, outside the hash (D-138, D-139)."""
    history = History()
    row = history.start(1)[0]
    head = orjson.loads(envelope(row.body, after="000001-x-7", resend=True))
    assert (head["after"], head["resend"]) == ("000001-x-7", True)
    assert "subject" not in head


def test_the_device_s_time_goes_before_ours() -> None:
    """`time` is when it happened, if the source said so (D-116)."""
    time = EventTime(
        received_ms=5000,
        source_ms=1000,
        offset_min=0,
        boottime_ms=0,
        boot_id="b",
        clock_state=ClockState.SYNCED,
    )
    event = make(LinkLost, Address("000001-a", 1), device="plc", reason="cut", time=time)
    assert orjson.loads(envelope(seal(event, None).body))["time"] == "1970-01-01T00:00:01.000Z"


def test_a_station_is_a_urn() -> None:
    """CloudEvents wants a URI reference; ours is stable and names no host."""
    assert source("a/b") == "urn:lineside:a:b"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"time":5}'])
def test_what_is_no_event_gets_no_envelope(body: bytes) -> None:
    """A message without its fields is never made."""
    with pytest.raises(FormatError, match="no event"):
        envelope(body)
