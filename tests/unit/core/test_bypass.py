"""Units that the PLC let go without an answer are recorded once contact is back (D-40)."""

from dataclasses import replace

from agent.core.events import BypassSwitched, InterlockBypassed
from agent.core.parts import LONG_AGO
from agent.core.station import Bypass, Counter
from drivers.base import Quality, TagValue, ValuesSeen
from tests.core_rig import PRESS, Rig

COUNTER = Counter(device="plc", tag="passed", modulus=65_536, max_step=100, fastest_ms=1)
STATION = replace(PRESS, bypass=Bypass(counter=COUNTER, key="key"))


def up() -> Rig:
    """Return a press whose PLC has let 5 units go in its life."""
    rig = Rig(STATION)
    rig.up()
    rig.plc(passed=5, key=False)
    return rig


def passed(rig: Rig) -> list[tuple[int, int, int | None, bool | None]]:
    """Return what was recorded, the first reading left out."""
    return [(e.from_count, e.to_count, e.n, e.key_on) for e in rig.of(InterlockBypassed)][1:]


def test_a_first_reading_is_a_baseline() -> None:
    """What was let go before is not ours to tell; the key is said once as it stands."""
    rig = up()
    (first,) = rig.of(InterlockBypassed)
    assert (first.from_count, first.to_count, first.n) == (5, 5, 0)
    assert [event.on for event in rig.of(BypassSwitched)] == [False]
    rig.plc(passed=5, key=False)
    assert rig.new() == []


def test_what_the_plc_counts_is_recorded_with_its_key() -> None:
    """By key, or because no answer came in time; also over its modulus (D-31)."""
    rig = up()
    rig.plc(passed=6)
    rig.plc(key=True)
    rig.plc(passed=8)
    assert passed(rig) == [(5, 6, 1, False), (6, 8, 2, True)]
    assert [event.on for event in rig.of(BypassSwitched)] == [False, True]
    rig = up()
    rig.plc(passed=65_535)
    rig.plc(passed=1)
    assert passed(rig)[1:] == [(65_535, 1, 2, False)]


def test_what_was_let_go_while_nobody_looked_is_recorded_after() -> None:
    """The counter is absolute, and what it is compared with is in the journal."""
    rig = up()
    before_ms = rig.ms
    rig.restart()
    rig.up()
    rig.plc(passed=9)
    assert passed(rig) == [(5, 9, 4, False)]
    assert rig.of(InterlockBypassed)[-1].first_ms == before_ms
    rig.restart(reboot=True)
    rig.up()
    rig.plc(passed=10)
    assert rig.of(InterlockBypassed)[-1].first_ms == LONG_AGO


def test_a_counter_that_went_back_tells_no_number() -> None:
    """The PLC lost its memory: nobody knows how many (D-31)."""
    rig = up()
    rig.plc(passed=2)
    assert passed(rig) == [(5, 2, None, False)]


def test_what_cannot_be_read_says_nothing() -> None:
    """Neither key nor counter; nor values of a device that has neither, nor a boot without any."""
    rig = Rig(STATION)
    rig.restart(reboot=True)
    rig.up()
    rig.bad = {"key", "passed"}
    rig.plc(passed=9, key=True)
    assert rig.new() == []
    values = (TagValue(tag="other", value=1, quality=Quality.GOOD),)
    rig.observe(ValuesSeen, device="scanner", values=values)
    assert rig.new() == []


def test_a_plc_may_have_no_key() -> None:
    """Its counter is enough."""
    rig = Rig(replace(PRESS, bypass=Bypass(counter=COUNTER)))
    rig.up()
    rig.plc(passed=1)
    rig.plc(passed=2)
    assert passed(rig) == [(1, 2, 1, None)]
