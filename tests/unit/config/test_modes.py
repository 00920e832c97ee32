"""Which modes a machine has, and what is said of it."""

import pytest

from agent.config.explain import explained
from agent.core.station import Mode, ModeTag
from tests.unit.config.stations import FILLER, PRESS, edited, loaded, problems

TAG = ("scans:\n", '  mode: {device: plc, node: "nsu=urn:a;s=Mode"}\nscans:\n')
VALUES = "{automatic: 1, manual: 2, set_up: [3, 4]}"


def moded(mode: str, *changes: tuple[str, str]) -> str:
    """Return the press with a mode."""
    return edited(PRESS, ("track:\n", f"track:\n  mode: {mode}\n"), TAG, *changes)


def binds(text: str) -> list[str]:
    """Return what is told of modes."""
    return [line for line in explained(loaded(text)).splitlines() if "a cycle that is" in line]


def test_numbers_are_modes() -> None:
    """One or several; without the key there are none."""
    assert loaded(PRESS).station.mode is None
    mode = loaded(moded(f"{{tag: mode, values: {VALUES}}}")).station.mode
    values = {1: Mode.AUTOMATIC, 2: Mode.MANUAL, 3: Mode.SET_UP, 4: Mode.SET_UP}
    assert mode == ModeTag(tag="mode", values=values, bind=False)


def test_it_is_told_in_plain_words() -> None:
    """What becomes of a cycle that is no production."""
    text = moded(f"{{tag: mode, values: {VALUES}}}")
    told = "  binds      a cycle that is manual, set up by 'mode' is recorded, bound to no unit"
    assert binds(text) == [told]
    text = moded("{tag: mode, values: {automatic: 1}, others: bind}")
    told = "  binds      a cycle that is not automatic by 'mode' is bound, and says its mode"
    assert binds(text) == [told]
    assert binds(PRESS) == []


SLIPS = {
    "no automatic": (
        "{tag: mode, values: {manual: 2}}",
        ["f:25:29: track.mode.values: nothing says which number is `automatic`; add automatic: 1"],
    ),
    "a number twice": (
        "{tag: mode, values: {automatic: 1, manual: [2, 1]}}",
        ["f:25:52: track.mode.values.manual: 1 is automatic already; a number is one mode"],
    ),
    "a text": (
        "{tag: mode, values: {automatic: auto}}",
        ["f:25:41: track.mode.values.automatic: …"],
    ),
    "a mode that there is not": (
        "{tag: mode, values: {automatic: 1, holiday: 2}}",
        ["f:25:44: track.mode.values.holiday: …"],
    ),
    "another device": (
        f"{{tag: beat, values: {VALUES}}}",
        [
            (
                "f:26:15: track.mode.tag: 'beat' is on other, the trigger on plc; the mode is read "
                "with the cycle"
            )
        ],
    ),
}


@pytest.mark.parametrize("name", SLIPS)
def test_a_mode_that_says_nothing_is_refused(name: str) -> None:
    """Where it stands, and what to do."""
    mode, says = SLIPS[name]
    text = moded(mode)
    if "beat" in mode:
        device = 'devices:\n  other: {driver: opcua, url: "opc.tcp://127.0.0.1:4899"}\n'
        text = edited(text, ("devices:\n", device), ("mode: {device: plc", "beat: {device: other"))
    found = problems(text)
    assert len(found) == len(says)
    for problem, said in zip(found, says, strict=True):
        start, rest, _ = said.partition("…")
        assert problem.startswith(start) if rest else problem == said


def test_without_a_handshake_there_is_no_cycle_with_a_mode() -> None:
    """A counting machine is refused one, by name."""
    change = ("track:\n", "track:\n  mode: {tag: order, values: {automatic: 1}}\n")
    (problem,) = [p for p in problems(edited(FILLER, change)) if "handshake" in p]
    assert problem.endswith(
        "track.mode: 'count-only' has no handshake, so no cycle has a mode; remove it"
    )
