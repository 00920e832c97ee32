"""Packages that were taken off and come back: open life, and what is left (D-50, D-53, D-54)."""

from dataclasses import replace
from functools import reduce

import pytest

from agent.core import binder, shelf
from agent.core.events import (
    Certainty,
    ComponentLoaded,
    LoadExpired,
    LoadRefused,
    LoadUsedUp,
    OpenLifeRenewed,
    QuantityLow,
    QuantityOverrun,
    UnitRefused,
    Why,
)
from agent.core.parts import Shelved
from agent.core.station import Policy, Until
from tests.material_rig import FED, Fed, press

HOUR_MS = 3_600_000
OPEN = replace(FED, open_life_ms=10 * HOUR_MS)
DRY = replace(OPEN, open_life_pauses=True)
COUNTED = replace(FED, use="1", measure="pcs", low="1")


def taken_off(rig: Fed, hours: float, *, code: str = "OFF") -> Fed:
    """Let reel 1 be on for so long, take it off, and let it be forgotten by the units."""
    rig.scan("R1")
    rig.turn(round(hours * HOUR_MS))
    rig.scan(code)
    rig.turn(60_000)
    rig.make()
    return rig


# ------------------------------------------------------------------ open life


def test_open_life_goes_on_while_a_package_is_off() -> None:
    """A package that comes back is as old as it was, and the time on the shelf counts (D-54)."""
    rig = taken_off(press(OPEN), 6)
    rig.turn(2 * HOUR_MS)
    rig.scan("R1")
    assert rig.make().kind == "unit_completed"
    rig.turn(3 * HOUR_MS)
    assert [event.reason for event in rig.of(LoadExpired)] == ["open_life"]
    assert rig.make().why == (Why.LOT_EXPIRED,)


def test_what_has_expired_stays_expired() -> None:
    """An expired package is refused at its next scan, by whatever it was on and off meanwhile."""
    rig = taken_off(press(OPEN), 11)
    rig.scan("R1")
    (refused,) = rig.of(LoadRefused)
    assert (refused.lot, refused.reason) == ("1", Why.LOT_EXPIRED)
    assert not rig.decision.replies[-1].good
    refusal = rig.make()
    assert isinstance(refusal, UnitRefused)
    assert (refusal.answer, refusal.reason) == (6, Why.LOT_EXPIRED)


def test_a_package_that_expired_on_the_shelf_is_refused() -> None:
    """It need not be on while its time runs out."""
    rig = taken_off(press(OPEN), 1)
    rig.turn(10 * HOUR_MS)
    rig.scan("R1")
    assert [event.lot for event in rig.of(LoadRefused)] == ["1"]


@pytest.mark.parametrize(("hours_on", "is_good"), [(9.9, True), (10.1, False)])
def test_open_life_pauses_in_dry_storage(hours_on: float, *, is_good: bool) -> None:
    """Where the position says so, only the time on it counts, over all its visits (D-54)."""
    rig = taken_off(press(DRY), 4)
    rig.turn(500 * HOUR_MS)
    rig.scan("R1")
    rig.turn(round((hours_on - 4) * HOUR_MS))
    assert bool(rig.of(LoadExpired)) is not is_good


def test_a_package_that_is_replaced_is_remembered_too() -> None:
    """The next load's scan takes off the one before, which may come back all the same."""
    rig = press(OPEN)
    rig.scan("R1")
    rig.turn(9 * HOUR_MS)
    rig.scan("R2")
    rig.turn(2 * HOUR_MS)
    rig.make()
    rig.scan("R1")
    assert [event.lot for event in rig.of(LoadRefused)] == ["1"]


def test_the_same_label_scanned_again_while_it_is_on_begins_nothing_anew() -> None:
    """One that is scanned once more on its position is as old as it was, paused or not."""
    for component in (OPEN, DRY):
        rig = press(component)
        rig.scan("R1")
        rig.turn(9 * HOUR_MS)
        rig.scan("R1")
        rig.turn(2 * HOUR_MS)
        assert [event.lot for event in rig.of(LoadExpired)] == ["1"]


def test_what_was_never_accepted_has_no_history() -> None:
    """A refused label may never have been on: taking it off makes nothing known of it."""
    rig = press(replace(OPEN, products=("CAP",)))
    rig.scan("R1PRES")
    rig.scan("OFF")
    assert rig.state.material.shelf == ()


def test_over_a_boot_nobody_knows_how_long_it_was_open() -> None:
    """What was off while the gateway's machine started has been off for too long (D-91)."""
    rig = taken_off(press(OPEN), 1)
    rig.restart(reboot=True)
    rig.up()
    rig.scan("R1")
    assert [event.lot for event in rig.of(LoadRefused)] == ["1"]


def test_dry_storage_outlasts_a_boot() -> None:
    """Where open life pauses off the position, how long it was on is known over a boot as well."""
    rig = taken_off(press(DRY), 4)
    rig.restart(reboot=True)
    rig.up()
    rig.scan("R1")
    assert rig.of(LoadRefused) == []
    rig.turn(7 * HOUR_MS)
    assert [event.lot for event in rig.of(LoadExpired)] == ["1"]


def test_one_that_was_on_over_a_boot_is_expired_for_good() -> None:
    """Its time is not known, and taking it off does not make it known (D-91)."""
    rig = press(DRY)
    rig.scan("R1")
    rig.restart(reboot=True)
    rig.up()
    rig.scan("OFF")
    rig.turn(60_000)
    rig.make()
    rig.scan("R1")
    assert [event.lot for event in rig.of(LoadRefused)] == ["1"]


def test_a_run_in_the_same_boot_changes_nothing() -> None:
    """A restart of the agent alone leaves every age as it was."""
    rig = taken_off(press(OPEN), 6)
    rig.restart()
    rig.up()
    rig.scan("R1")
    assert rig.of(LoadRefused) == []
    rig.turn(5 * HOUR_MS)
    assert [event.reason for event in rig.of(LoadExpired)] == ["open_life"]


def test_a_used_up_package_is_forgotten() -> None:
    """The next one under the same label begins anew where nothing was left of the one before."""
    rig = taken_off(press(replace(OPEN, use="1")), 9, code="OFFQ0")
    assert rig.state.material.shelf == ()
    rig.turn(2 * HOUR_MS)
    rig.scan("R1")
    assert rig.of(LoadRefused) == []


def test_only_so_many_are_remembered() -> None:
    """A set that grows without end is no state: the oldest is forgotten first."""
    rig = press(OPEN)
    rig.scan("R1")
    full = tuple(
        Shelved(position="reel", lot=f"L{n}", open_ms=0, off_ms=0)
        for n in range(shelf.MOST_SHELVED)
    )
    state = replace(rig.state, material=replace(rig.state.material, shelf=full))
    rig.scan("OFF")
    known = reduce(binder.evolve, rig.decision.events, state).material.shelf
    assert (len(known), known[0].lot, known[-1].lot) == (shelf.MOST_SHELVED, "L1", "1")


# ------------------------------------------------------------------ renewing


def test_a_person_can_let_open_life_begin_anew() -> None:
    """Baked, or known to be good: the package may be used again, and it is recorded who says so."""
    rig = taken_off(press(OPEN), 11)
    rig.command("renew-life", lot="1", reason="baked 24 h at 125 C")
    (event,) = rig.of(OpenLifeRenewed)
    assert (event.lot, event.who, event.reason) == ("1", "k:OP-7", "baked 24 h at 125 C")
    rig.turn(9 * HOUR_MS)
    rig.scan("R1")
    assert rig.of(LoadRefused) == []
    rig.turn(2 * HOUR_MS)
    assert [event.lot for event in rig.of(LoadExpired)] == ["1", "1"]


def test_what_is_on_is_renewed_where_it_is() -> None:
    """An expired load that a person renews feeds units again, without another scan."""
    rig = press(OPEN)
    rig.scan("R1")
    rig.turn(11 * HOUR_MS)
    assert rig.make().kind == "unit_refused"
    rig.command("renew-life", lot="1")
    made = rig.make()
    assert (made.kind, made.certainty) == ("unit_completed", Certainty.CERTAIN)
    rig.turn(11 * HOUR_MS)
    assert len(rig.of(LoadExpired)) == 2


def test_what_was_never_here_is_not_renewed() -> None:
    """A slip of the keys renews nothing, and neither does a station that counts no open life."""
    rig = press(OPEN)
    rig.command("renew-life", lot="1")
    assert rig.refused().cause == "unknown"
    rig = taken_off(press(COUNTED), 1)
    rig.command("renew-life", lot="1")
    assert rig.refused().cause == "not_so"


# ------------------------------------------------------------------ what is left


def test_a_package_comes_back_with_what_was_left() -> None:
    """Taken off with something left, it has that and not what its label says (D-53, D-55)."""
    rig = press(COUNTED)
    rig.scan("R1Q9")
    rig.make(6)
    rig.scan("OFF")
    rig.turn(60_000)
    rig.make()
    rig.scan("R1Q9")
    assert rig.state.material.loads[-1].amount == "3"
    rig.make(2)
    assert [event.remaining for event in rig.of(QuantityLow)] == ["1"]
    rig.make()
    assert len(rig.of(LoadUsedUp)) == 1
    rig.make()
    assert [event.remaining for event in rig.of(QuantityOverrun)] == ["-1"]


def test_what_a_person_said_was_left_counts() -> None:
    """The quantity on the code that takes it off goes before the count."""
    rig = press(COUNTED)
    rig.scan("R1Q9")
    rig.make(6)
    rig.scan("OFFQ5")
    rig.scan("R1Q9")
    load = rig.state.material.loads[-1]
    assert (load.amount, load.used_most) == ("5", "0")


def test_a_new_label_with_less_counts() -> None:
    """A label that says less than was left is newer."""
    rig = press(COUNTED)
    rig.scan("R1Q9")
    rig.make()
    rig.scan("OFF")
    rig.scan("R1Q2")
    assert rig.state.material.loads[-1].amount == "2"


def test_what_may_have_been_drawn_besides_comes_back_too() -> None:
    """The least that may be in it is remembered: warnings come by that."""
    rig = press(COUNTED)
    rig.scan("R1Q9")
    rig.make(2)
    rig.turn(1_500)
    rig.cycle(40)  # no scan: nobody knows whether it made a unit
    rig.scan("OFF")
    before = rig.state.material.shelf[-1]
    assert (before.left, before.least) != (before.left, before.left)
    rig.scan("R1Q9")
    load = rig.state.material.loads[-1]
    assert (load.amount, load.used) == (before.left, "0")
    assert load.used_most != "0"


def test_the_next_package_of_a_lot_has_what_its_label_says() -> None:
    """A load that the next one replaced was not taken off: the same label is another box of it."""
    rig = press(COUNTED)
    rig.scan("R1Q3")
    rig.make(2)
    rig.scan("R1Q3")
    assert rig.state.material.loads[-1].amount == "3"


def test_at_another_position_the_label_counts() -> None:
    """What is left is known of a position in its own measure; open life goes with the package."""
    other = replace(COUNTED, position="other")
    rig = press(replace(COUNTED, open_life_ms=10 * HOUR_MS), replace(other, open_life_ms=HOUR_MS))
    rig.scan("R1Q9")
    rig.make(6)
    rig.turn(2 * HOUR_MS)
    rig.scan("OFF")
    component = rig.station.components[1]
    load = replace(rig.state.material.loads[-1], position="other", amount="9")
    assert shelf.filled(rig.state, load) == load
    assert shelf.is_over(rig.state, component, "1", rig.ms)


def test_of_reels_that_are_joined_the_label_counts() -> None:
    """What is left of one of several that feed together is not known by count."""
    rig = press(replace(COUNTED, until=Until.SPLICED, splice_pieces=50, unfit=Policy.RECORD))
    rig.scan("R1Q9")
    rig.make(2)
    rig.scan("R2Q9")
    rig.scan("OFF")
    assert "1" not in {each.lot for each in rig.state.material.shelf}
    rig.scan("R1Q9")
    assert rig.of(ComponentLoaded)[-1].lot == "1"
    assert rig.state.material.loads[-1].amount == "9"


def test_what_nothing_is_known_of_is_not_kept() -> None:
    """Without open life, and with nothing left that anybody could say, there is no history."""
    rig = press(FED)
    rig.scan("R1")
    rig.scan("OFF")
    assert rig.state.material.shelf == ()


def test_a_package_that_was_renewed_by_mistake_is_kept_out_otherwise() -> None:
    """What was fresh for a while cannot be taken back: it is said what to do instead (D-143)."""
    rig = taken_off(press(OPEN), 11)
    rig.command("renew-life", lot="1")
    address = rig.of(OpenLifeRenewed)[0].address
    rig.command("retract", address=address)
    assert rig.refused().detail == (
        f"{address} is open_life_renewed, which is not corrected; keep the package from being used "
        "with `block-lot`"
    )
    rig.command("block-lot", lot="1")
    rig.scan("R1")
    assert [event.reason for event in rig.of(LoadRefused)] == [Why.LOT_BLOCKED]
