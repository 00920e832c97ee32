"""Limits of values in a station file: what they come down to, and what is wrong with them."""

import pytest

from agent.config.explain import explained
from agent.core.bounds import Limit, ResultBy
from tests.unit.config.stations import PRESS, edited, loaded, problems

SET_POINT = ("scans:\n", '  least: {device: plc, node: "nsu=urn:a;s=Least"}\nscans:\n')
OTHER = ("devices:\n", 'devices:\n  other: {driver: opcua, url: "opc.tcp://127.0.0.1:4899"}\n')


def limited(limits: str, *changes: tuple[str, str]) -> str:
    """Return the press with limits."""
    return edited(PRESS, ("track:\n", f"track:\n  limits: {limits}\n"), *changes)


def told(text: str) -> list[str]:
    """Return what is told of limits."""
    lines = explained(loaded(text)).splitlines()
    return [line for line in lines if "beyond" in line or "the result is" in line]


def test_numbers_and_set_points_are_limits() -> None:
    """A number stands for itself, a set-point for the tag that holds it."""
    (end,) = loaded(PRESS).station.handshakes
    assert (end.limits, loaded(PRESS).station.result_by) == ((), ResultBy.WORST)
    text = limited("{force: {low: {tag: least}, high: 14.5, breach: record}}", SET_POINT)
    (end,) = loaded(text).station.handshakes
    assert end.limits == (Limit(tag="force", low="least", high=14.5, counts=False),)
    assert end.snapshot_tags == ("verdict", "force", "least")


def test_they_are_told_in_plain_words() -> None:
    """What a value may be, what follows beyond it, and whose word the result is."""
    text = limited("{force: {low: 10, high: 14.5, low_warn: 11, high_warn: 14, target: 12}}")
    assert told(text) == [
        (
            "  binds      force from 10 to 14.5 kN, warned below 11 and above 14; beyond, or not "
            "known, makes it NOK, answer 2"
        ),
        "  binds      the result is OK where the machine and the limits both say so",
    ]
    text = limited("{force: {low: {tag: least}, breach: record}}", SET_POINT)
    assert told(text)[0] == (
        "  binds      force from 'least' kN; beyond, or not known, is recorded"
    )
    rule = ("track:\n", "track:\n  result_by: machine\n")
    text = edited(limited("{force: {high: 3}}"), rule, ("measure: kN", "write: false"))
    assert told(text) == [
        "  binds      force up to 3; beyond, or not known, is recorded",
        "  binds      the result is the machine's word; that of the limits is recorded",
    ]
    assert told(PRESS) == []


SLIPS = {
    "no end": (
        "{force: {target: 1}}",
        "f:24:19: track.limits.force: judges nothing; give `low`, `high` or both",
    ),
    "out of order": (
        "{force: {low: 3, high: 2}}",
        "f:24:19: track.limits.force: `low` 3 is above `high` 2; put them in order",
    ),
    "a warning beyond its limit": (
        "{force: {low: 3, high: 9, high_warn: 10}}",
        "f:24:19: track.limits.force: `high_warn` 10 is above `high` 9; put them in order",
    ),
    "a value that is not recorded": (
        "{forc: {low: 1}}",
        (
            "f:24:12: track.limits.forc: 'forc' is not recorded: it is in no handshake's `values`; "
            "did you mean 'force'?"
        ),
    ),
    "a text": (
        "{force: {low: high}}",
        "f:24:25: track.limits.force.low: 'high' is no number; write one, or {tag: NAME}",
    ),
    "a bit": (
        "{force: {low: true}}",
        "f:24:25: track.limits.force.low: true is no number; write one, or {tag: NAME}",
    ),
    "a set-point that there is not": (
        "{force: {low: {tag: leas}}}",
        "f:24:31: track.limits.force.low.tag: no tag 'leas'; known: ack, …",
    ),
}


@pytest.mark.parametrize("name", SLIPS)
def test_limits_that_say_nothing_are_refused(name: str) -> None:
    """Where they stand, and what to do."""
    limits, says = SLIPS[name]
    (found,) = problems(limited(limits))
    start, rest, _ = says.partition("…")
    assert found.startswith(start) if rest else found == says


def test_a_set_point_is_read_with_its_value() -> None:
    """Two devices have no common snapshot."""
    elsewhere = (SET_POINT[0], SET_POINT[1].replace("device: plc", "device: other"))
    (found,) = problems(limited("{force: {low: {tag: least}}}", OTHER, elsewhere))
    assert found == (
        "f:26:31: track.limits.force.low.tag: 'least' is on other, the trigger on plc; a set-point "
        "is read with the cycle"
    )


def test_only_numbers_have_limits() -> None:
    """A tag that is declared to hold a text is refused, as value and as set-point."""
    text = limited("{force: {low: {tag: least}}}", SET_POINT)
    found = problems(
        edited(text, ('s=Force"', 's=Force", type: String'), ('s=Least"', 's=Least", type: String'))
    )
    assert [line.split(": ", 1)[1] for line in found] == [
        (
            "tags.least.type: holds a text; as limit of force it must hold a real number or whole "
            "number"
        ),
        "track.limits.force: 'force' holds a text, and only numbers have limits",
    ]


def test_whose_word_it_is_needs_two_words() -> None:
    """A rule that rules nothing, and a policy that nothing asks for, are refused."""
    rule = ("track:\n", "track:\n  result_by: machine\n")
    assert problems(edited(PRESS, rule)) == [
        "f:24:3: track.result_by: no value has limits; remove it, or add `limits`"
    ]
    text = edited(limited("{force: {low: 1, breach: nok}}"), rule, ("    verdict: verdict\n", ""))
    assert problems(text) == [
        ("f:24:14: track.result_by: the machine says nothing: no `verdict` is named; name its tag"),
        (
            "f:25:28: track.limits.force.breach: with `result_by: machine` no limit makes a unit "
            "NOK; remove it"
        ),
    ]
