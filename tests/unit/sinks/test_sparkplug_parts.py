"""The parts of a Sparkplug edge node, each alone: memory, host, metrics, topics, options."""

from __future__ import annotations

import errno

import orjson
import pytest
from pydantic import ValidationError

from agent.formats.sparkplug import DataType
from agent.sinks.sparkplug import SparkplugOptions
from agent.sinks.sparkplug.host import PrimaryHost
from agent.sinks.sparkplug.memory import Memory
from agent.sinks.sparkplug.metrics import LONGEST_TEXT, fits, kind_of, metric_of, sayable
from agent.sinks.sparkplug.topics import Topics
from agent.sinks.values import Sample
from drivers.base import Quality, Scalar
from tests.sparkplug_rig import PATH, MemoryFiles, files_of

# ------------------------------------------------------------------ memory


def memory(files: MemoryFiles) -> Memory:
    """Return the memory as a start of the agent reads it."""
    found = Memory(PATH, files_of(files))
    assert found.read() == ""
    return found


def test_every_connect_has_the_next_number_over_restarts() -> None:
    """0 for the first, one more for each, after 255 comes 0, whoever reads the file (D-123)."""
    files = MemoryFiles()
    numbers = [memory(files).begin(()) for _ in range(258)]
    assert numbers == [*range(256), 0, 1]


def test_an_alias_belongs_to_one_metric_for_ever() -> None:
    """A metric that is gone keeps its alias; a new one gets another, over restarts (D-127)."""
    files = MemoryFiles()
    first = memory(files)
    first.begin(["plc/a", "plc/b"])
    second = memory(files)
    second.begin(["plc/b", "plc/c"])
    assert [second.alias(key) for key in ("plc/b", "plc/c")] == [first.alias("plc/b"), 3]
    third = memory(files)
    third.begin(["plc/a"])
    assert third.alias("plc/a") == first.alias("plc/a")


def test_types_are_remembered() -> None:
    """With the next `keep`, which does not spend a number."""
    files = MemoryFiles()
    first = memory(files)
    first.keep()  # there is nothing yet
    assert files.content == {}
    first.begin(["plc/a"])
    first.note_kind("plc/a", DataType.DOUBLE)
    new = [first.is_new]
    first.keep()
    first.note_kind("plc/a", DataType.DOUBLE)
    assert [*new, first.is_new] == [True, False]
    second = memory(files)
    assert (second.bd_seq, second.kind("plc/a"), second.kind("plc/b")) == (0, DataType.DOUBLE, None)


def test_a_number_that_cannot_be_kept_is_not_given() -> None:
    """The file on the disk stays whole, and what was not finished is cleared away."""
    files = MemoryFiles()
    kept = memory(files)
    kept.begin(())
    files.error = OSError(errno.ENOSPC, "no space")
    with pytest.raises(OSError, match="no space"):
        kept.begin(())
    assert kept.bd_seq == 0
    files.error = None
    files.content[PATH.with_suffix(".new")] = b"half"
    assert memory(files).begin(()) == 1
    assert list(files.content) == [PATH]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        orjson.dumps({"schema": 2, "bd_seq": 1, "aliases": {}, "types": {}}),
        orjson.dumps({"schema": 1, "bd_seq": 256, "aliases": {}, "types": {}}),
        orjson.dumps({"schema": 1, "bd_seq": 1, "aliases": {"a": 1, "b": 1}, "types": {}}),
        orjson.dumps({"schema": 1, "bd_seq": 1, "aliases": {"a": "x"}, "types": {}}),
        orjson.dumps({"schema": 1, "bd_seq": 1, "aliases": [], "types": {}}),
        orjson.dumps({"schema": 1, "bd_seq": 1.0, "aliases": {}, "types": {}}),
        orjson.dumps({"schema": 1, "bd_seq": True, "aliases": {}, "types": {}}),
        *(
            b'{"schema":1,"bd_seq":1,"aliases":{"a":%s},"types":{}}' % alias
            for alias in (b"1e308", b"1e400", b"-1", b"0", b"true", b'"1"', b"18446744073709551615")
        ),
        b'{"schema":1,"bd_seq":1,"aliases":{},"types":{"a":1e400}}',
        b'{"schema":1,"bd_seq":1,"aliases":{},"types":{"a":[]}}',
        orjson.dumps({"schema": 1, "bd_seq": 1, "aliases": {}, "types": {"a": 99}}),
    ],
)
def test_a_file_that_is_damaged_is_set_aside(raw: bytes) -> None:
    """It is said, kept for whoever wants to look, and everything begins anew."""
    files = MemoryFiles()
    files.content[PATH] = raw
    found = Memory(PATH, files_of(files))
    assert found.read() != ""
    assert found.read() == ""  # once
    assert files.content == {PATH.with_suffix(".damaged"): raw}
    assert found.begin(["plc/a"]) == 0
    assert found.alias("plc/a") == 1


# ------------------------------------------------------------------ the primary host


def said(*, online: object, timestamp: object) -> bytes:
    """Return a STATE message."""
    return orjson.dumps({"online": online, "timestamp": timestamp})


def test_the_first_word_counts_and_then_the_newest() -> None:
    """An older word is of an earlier session of the host; the same moment counts (D-130)."""
    host = PrimaryHost()
    assert host.is_online is None
    for online, stamp_ms, then in (
        (True, 1000, True),
        (False, 999, True),
        (False, 1000, False),
        (True, 999, False),
        (True, 1001, True),
    ):
        assert host.take(said(online=online, timestamp=stamp_ms))
        assert host.is_online is then


@pytest.mark.parametrize(
    "payload",
    [
        b"ONLINE",
        b"[]",
        b"{}",
        said(online=1, timestamp=1),
        said(online=True, timestamp="1"),
        said(online=True, timestamp=1.5),
        said(online=True, timestamp=True),
        b"\xff",
    ],
)
def test_what_is_no_state_says_nothing(payload: bytes) -> None:
    """The form of Sparkplug 2 among it: it has no time, so it cannot be put in order."""
    host = PrimaryHost()
    assert not host.take(payload)
    assert host.is_online is None


# ------------------------------------------------------------------ metrics


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, DataType.BOOLEAN),
        (1, DataType.INT64),
        (-(1 << 63), DataType.INT64),
        (1 << 63, DataType.UINT64),
        (1.5, DataType.DOUBLE),
        ("a", DataType.STRING),
    ],
)
def test_a_type_comes_from_the_value(value: Scalar, kind: DataType) -> None:
    """Each value fits the type that it makes, and null fits any."""
    assert kind_of(value) is kind
    assert fits(value, kind)
    assert fits(None, kind)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (1, DataType.BOOLEAN),
        (True, DataType.INT64),
        (True, DataType.DOUBLE),
        ("1", DataType.DOUBLE),
        (1, DataType.STRING),
        (1.0, DataType.INT64),
        (1 << 63, DataType.INT64),
        (-1, DataType.UINT64),
        ((1 << 53) + 1, DataType.DOUBLE),
    ],
)
def test_a_value_of_another_type_does_not_fit(value: Scalar, kind: DataType) -> None:
    """A whole number fits a Double while that holds it exactly; nothing is rounded in silence."""
    assert not fits(value, kind)
    assert fits(1 << 53, DataType.DOUBLE)


def test_what_cannot_be_said_is_null_with_the_reason() -> None:
    """Too long, too large; half a surrogate pair is replaced, for no text may hold it."""
    assert sayable("x" * (LONGEST_TEXT + 1)) == (None, f"longer than {LONGEST_TEXT} characters")
    assert sayable(1 << 64) == (None, "beyond 64 bits")
    assert sayable("a\ud800") == ("a?", "")
    assert sayable(-(1 << 63)) == (-(1 << 63), "")


@pytest.mark.parametrize(
    ("value", "quality", "code", "properties"),
    [
        (1, Quality.GOOD, "", {"Quality": 192}),
        (1, Quality.UNCERTAIN, "0x40000000", {"Quality": 0, "Code": "0x40000000"}),
        (None, Quality.BAD, "exception 2", {"Quality": 0, "Code": "exception 2"}),
        (1 << 70, Quality.GOOD, "", {"Quality": 0, "Code": "beyond 64 bits"}),
    ],
)
def test_quality_stands_beside_the_value(
    value: Scalar | None, quality: Quality, code: str, properties: dict[str, object]
) -> None:
    """Only good is 192; an uncertain value is there, a bad one is null."""
    sample = Sample(
        device="plc", tag="a", value=value, quality=quality, code=code, wall_ms=5, number=1
    )
    metric = metric_of(sample, DataType.INT64, 7)
    assert {key: one.value for key, one in metric.properties.items()} == properties
    assert metric.is_null is (metric.value is None)
    assert metric.value == (1 if value == 1 else None)


# ------------------------------------------------------------------ topics and options


def test_topics_are_those_of_the_specification() -> None:
    """Namespace, group, message, node, device; STATE is the host's alone."""
    topics = Topics("g", "n", "h")
    assert topics.nbirth == "spBv1.0/g/NBIRTH/n"
    assert topics.ndeath == "spBv1.0/g/NDEATH/n"
    assert topics.device("DBIRTH", "d") == "spBv1.0/g/DBIRTH/n/d"
    assert topics.state == "spBv1.0/STATE/h"
    assert topics.commanded("spBv1.0/g/NCMD/n") == ""
    assert topics.commanded("spBv1.0/g/DCMD/n/d") == "d"
    assert topics.commanded("spBv1.0/g/NCMD/m") is None
    assert Topics("g", "n", None).state is None


def test_a_station_is_a_node_by_its_path() -> None:
    """Its last part is the node, the rest the group; both can be named."""
    options = SparkplugOptions(url="mqtt://a")
    assert options.descriptor("acme/graz/press-07") == ("acme.graz", "press-07")
    assert options.descriptor("press-07") == ("lineside", "press-07")
    named = SparkplugOptions(url="mqtt://a", group="Plant 1", node="P7")
    assert named.descriptor("acme/press-07") == ("Plant 1", "P7")
    assert (options.required, options.kinds, options.start) == (
        False,
        ("machine_state_changed",),
        "now",
    )


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"group": "a/b"}, "'a/b' cannot be a Sparkplug id; write 1 to 128 characters without +"),
        ({"node": ""}, "'' cannot be a Sparkplug id"),
        ({"primary_host": "a#"}, "'a#' cannot be a Sparkplug id"),
        ({"node": " a"}, "' a' cannot be a Sparkplug id"),
        ({"node": "a\x01"}, "cannot be a Sparkplug id"),
        ({"group": "State"}, "no group can be called STATE"),
        ({"others": ["http://a"]}, "'http://a' is no broker"),
        ({"kinds": ["unit_completed"]}, "Extra inputs are not permitted"),
        ({"required": True}, "Extra inputs are not permitted"),
        (
            {"user": "u", "password": "env:P", "others": ["mqtt://b"]},
            "the password would be sent in the clear",
        ),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, object], why: str) -> None:
    """Every server is judged, not the first alone; what does not apply is no key."""
    with pytest.raises(ValidationError) as refused:
        SparkplugOptions.model_validate({"url": "mqtts://a", **given})
    assert why in str(refused.value)
