"""What a person does to a lot that must not be used: done, or refused by name with why (D-56)."""

from dataclasses import replace

import pytest

from agent.core.events import Declined, LotBlocked, LotUnblocked
from agent.core.station import Component
from tests.core_rig import HOUSING, PRESS, Rig

DRY = replace(HOUSING, open_life_ms=60_000)


def rig_of(component: Component = HOUSING) -> Rig:
    """Return a press whose station file blocks L-1."""
    rig = Rig(replace(PRESS, components=(component,), blocked=("L-1",)))
    rig.up()
    return rig


@pytest.mark.parametrize(
    ("component", "command", "lot", "cause", "detail"),
    [
        (
            HOUSING,
            "release-lot",
            "L-1",
            Declined.NOT_SO,
            "'L-1' is blocked by the station file; take it out of track.blocked",
        ),
        (HOUSING, "release-lot", "L-2", Declined.NOT_SO, "'L-2' is not blocked"),
        (HOUSING, "block-lot", "L-3", Declined.ALREADY, "'L-3' is blocked already"),
        (
            HOUSING,
            "renew-life",
            "L-3",
            Declined.NOT_SO,
            "no position of this station has an `open_life`",
        ),
        (
            DRY,
            "renew-life",
            "L-9",
            Declined.UNKNOWN,
            "'L-9' was not on a position, or too long ago; its life begins with its scan",
        ),
    ],
)
def test_what_cannot_be_done_says_why(
    component: Component, command: str, lot: str, cause: Declined, detail: str
) -> None:
    """And changes nothing."""
    rig = rig_of(component)
    rig.command("block-lot", lot="L-3")
    before = rig.state.material
    rig.command(command, lot=lot)
    refused = rig.refused()
    assert (refused.cause, refused.detail) == (cause, detail)
    assert rig.state.material == before


def test_what_a_person_blocked_is_free_again_and_the_file_still_blocks() -> None:
    """Each with who and why, and the command that led to it."""
    rig = rig_of()
    rig.command("block-lot", lot="L-1", who="k:OP-1", reason="cracks")
    given = rig.observations[-1].id
    blocked = rig.of(LotBlocked)[-1]
    assert (blocked.lot, blocked.source, blocked.who, blocked.reason, blocked.because) == (
        "L-1",
        "command",
        "k:OP-1",
        "cracks",
        (given,),
    )
    rig.command("release-lot", lot="L-1", who="k:OP-2", reason="sorted out")
    given = rig.observations[-1].id
    (free,) = rig.of(LotUnblocked)
    assert (free.lot, free.source, free.who, free.reason, free.because) == (
        "L-1",
        "command",
        "k:OP-2",
        "sorted out",
        (given,),
    )
    assert [each.source for each in rig.state.material.blocked] == ["file"]
