"""What readings mean for a handshake, and where it stands."""

from dataclasses import replace

import pytest

from agent.core.signals import Kind, phase, read_kind
from agent.core.state import Phase, Working
from tests.core_rig import END, PRESS, Rig


def kind(rig: Rig) -> Kind:
    """Return what the newest readings mean."""
    return read_kind(rig.working, rig.station.handshakes[0])


def test_before_anything_is_read_nothing_is_in_sight() -> None:
    """Neither trigger nor request."""
    assert read_kind(Working(), END) is Kind.LOST_SIGHT
    assert phase(Rig(PRESS).state, Working(), END) is Phase.BLIND


@pytest.mark.parametrize("bad", ["trigger", "request"])
def test_both_must_read_good(bad: str) -> None:
    """One that does not is a lost sight."""
    rig = Rig(PRESS)
    rig.link("plc", up=True)
    rig.plc(trigger=False, request=0)
    assert kind(rig) is Kind.IN_SIGHT
    rig.bad = {bad}
    rig.plc(trigger=False, request=0)
    assert kind(rig) is Kind.LOST_SIGHT


def test_without_a_request_tag_the_trigger_is_enough() -> None:
    """The file has none."""
    rig = Rig(replace(PRESS, handshakes=(replace(END, request=None, modulus=None),)))
    rig.link("plc", up=True)
    rig.plc(trigger=False)
    assert kind(rig) is Kind.IN_SIGHT


def test_a_number_read_before_the_snapshot_is_no_new_request() -> None:
    """Only one that was read after it."""
    rig = Rig(PRESS)
    rig.up()
    rig.plc(trigger=True, request=1)
    rig.tags["request"] = 2
    rig.read()
    reading = replace(rig.working.readings["request"], latest_ms=rig.ms)
    old = replace(reading, seen=replace(reading.seen, value=1))
    rig.working = replace(rig.working, readings={**rig.working.readings, "request": old})
    assert kind(rig) is Kind.IN_SIGHT
    newer = replace(old, latest_ms=rig.ms + 1)
    rig.working = replace(rig.working, readings={**rig.working.readings, "request": newer})
    assert kind(rig) is Kind.NEW_REQUEST
