"""One station at one device: its own words, what its tags must hold, what the device holds."""

from dataclasses import replace

import pytest

from agent.seat import Seat, wanted
from drivers.base import (
    LinkChanged,
    Quality,
    SamplesLost,
    Scalar,
    SnapshotRead,
    TagFault,
    TagValue,
    ValuesSeen,
    WriteGroup,
)
from tests.doubles import ManualClock
from tests.unit.app.test_trouble import Told
from tests.unit.config.stations import CELL, FILLER, PRESS, loaded

ABOUT = {"id": "o1", "device": "theirs", "earliest_ms": 1, "latest_ms": 2}


class Shop:
    """A station that is only asked for its name and places."""

    name = "acme/press-07"

    async def emit(self, observation: object) -> None:
        """Take it."""

    def offer(self, observation: object) -> bool:
        """Take it."""
        return observation is not None

    def due(self, device: str) -> tuple[WriteGroup, ...]:
        """Owe nothing."""
        del device
        return ()

    def where(self, name: str) -> str:
        """Return a place."""
        return f"press.yaml:1:1 {name}"


def seat() -> Seat:
    """Return the press's seat at a PLC whose driver has other names for its tags."""
    tags = ("trigger", "request", "counter", "force", "verdict", "result", "ack", "ready")
    return Seat(
        station=Shop(),
        name="plc",
        tags={tag: f"line/{tag}" for tag in tags},
        wanted=wanted(loaded(PRESS).station),
    )


def value(tag: str, held: Scalar) -> TagValue:
    """Return a value as the driver names it."""
    return TagValue(tag=f"line/{tag}", value=held, quality=Quality.GOOD)


def seen(*values: TagValue) -> ValuesSeen:
    """Return what a poll brought."""
    return ValuesSeen(**ABOUT, received=ManualClock().now(), values=values)  # type: ignore[arg-type]  # a dict of what each has


def link(*faults: TagFault, up: bool = True) -> LinkChanged:
    """Return a link of the driver."""
    return LinkChanged(**ABOUT, received=ManualClock().now(), up=up, faults=faults)  # type: ignore[arg-type]  # a dict of what each has


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        (PRESS, {"trigger", "request", "verdict"}),
        (FILLER, {"bottles"}),
        (CELL, {"trigger", "request", "code"}),
    ],
)
def test_what_a_binding_rests_on_has_a_type(text: str, tags: set[str]) -> None:
    """Trigger, request, verdict, unit and counter; other values are stored as they are."""
    assert set(wanted(loaded(text).station)) == tags


def test_a_station_hears_of_its_own_tags_under_its_own_names() -> None:
    """What others have on the device is not there; what is nobody's in particular is."""
    here = seat()
    ours = here.ours(seen(value("force", 1.5), replace(value("force", 2), tag="other/force")))
    assert isinstance(ours, ValuesSeen)
    assert (ours.device, [(v.tag, v.value) for v in ours.values]) == ("plc", [("force", 1.5)])
    assert here.ours(seen(replace(value("force", 2), tag="other/force"))) is None
    lost = SamplesLost(
        **ABOUT,  # type: ignore[arg-type]  # a dict of what each has
        received=ManualClock().now(),
        tag="line/force",
        count=3,
        reason="queue",
    )
    told = here.ours(lost)
    assert isinstance(told, SamplesLost)
    assert told.tag == "force"
    assert here.ours(replace(lost, tag="other/force")) is None
    everywhere = here.ours(replace(lost, tag=None))
    assert everywhere is not None
    assert everywhere.device == "plc"


@pytest.mark.parametrize(
    ("tag", "held", "fits"),
    [
        ("trigger", True, True),
        ("trigger", 1, True),
        ("trigger", "up", False),
        ("trigger", 1.0, False),
        ("request", 7, True),
        ("request", True, False),
        ("request", 7.0, False),
        ("verdict", "OK", False),
        ("force", "a text", True),
    ],
)
def test_a_value_that_its_role_cannot_take_is_bad(tag: str, held: Scalar, *, fits: bool) -> None:
    """It is no trigger and no number, and the tag has a fault that says what it holds (U04)."""
    here = seat()
    assert here.note((value(tag, held),)) is not fits
    ours = here.ours(seen(value(tag, held)))
    assert isinstance(ours, ValuesSeen)
    assert (ours.values[0].quality is Quality.GOOD) is fits
    assert [fault.tag for fault in here.link(link()).faults] == ([] if fits else [tag])


def test_a_snapshot_is_judged_like_every_reading() -> None:
    """A type that changed between two readings is not bound either."""
    read = SnapshotRead(
        **ABOUT,  # type: ignore[arg-type]  # a dict of what each has
        received=ManualClock().now(),
        ask="a",
        group="end",
        values=(value("request", "7"),),
        coherent=True,
        tries=1,
    )
    ours = seat().ours(read)
    assert isinstance(ours, SnapshotRead)
    assert (ours.values[0].value, ours.values[0].code) == (None, "type")


def test_a_fault_is_told_once_and_once_that_it_is_gone() -> None:
    """Also where the link came again between: the fault is the same."""
    here, told = seat(), Told()
    missing = TagFault(tag="line/force", cause="BadNodeIdUnknown", hint="look")
    here.note((value("trigger", "up"),))
    here.tell_faults(link(missing), told)
    here.tell_faults(link(missing), told)
    assert here.note((value("trigger", held=True),))
    assert not here.note((value("trigger", held=False),))
    here.tell_faults(link(), told)
    assert [(event, fields["tag"]) for event, fields in told.lines] == [
        ("tag_fault", "force"),
        ("tag_fault", "trigger"),
        ("tag_restored", "force"),
        ("tag_restored", "trigger"),
    ]
    assert told.lines[0][1] == {
        "station": "acme/press-07",
        "at": "press.yaml:1:1 force",
        "device": "plc",
        "tag": "force",
        "error": "BadNodeIdUnknown; look",
    }


def test_what_the_device_shows_otherwise_is_no_longer_held() -> None:
    """Somebody else wrote there, or the PLC cleared it: it is written again (M13)."""
    here = seat()
    here.held.update(ack=True, result=1)
    here.note((value("ack", held=True), value("result", 0)))
    assert (here.holds("ack", value=True), here.holds("result", 1)) == (True, False)
    assert here.changed.is_set()
    assert not here.holds("ack", 1)
    here.begin()
    assert not here.holds("ack", value=True)
