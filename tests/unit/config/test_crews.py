"""People in a station file: what the keys come down to, what is wrong with them, how it is told."""

import pytest

from agent.config.explain import explained
from agent.core.crew import Crew, Need
from agent.core.station import Policy
from tests.unit.config.stations import PRESS, edited, loaded

KEY = "idle: 8h"
NEEDS = "requires: {operator: refuse, order: record}"
BADGE = r"  - {match: {regex: 'OP-(?P<operator>\d{4})'}, means: operator}" + "\n"
INSPECTOR = (
    BADGE + r"  - {match: {regex: 'IN-(?P<operator>\d{4})'}, means: operator, role: inspector}"
)
SEVERAL = "idle: 8h, sessions: several"


def press(*, people: str = KEY, needs: str = NEEDS, badges: str = BADGE) -> str:
    """Return the press with other keys about people."""
    return edited(PRESS, (KEY, people), (NEEDS, needs), (BADGE, badges.rstrip("\n") + "\n"))


def told(text: str, word: str) -> list[str]:
    """Return the lines of a word that are told of people."""
    lines = [line.split(maxsplit=1) for line in explained(loaded(text)).splitlines()]
    return [rest for first, rest in lines if first == word]


@pytest.mark.parametrize(
    ("needs", "crew", "order"),
    [
        ("requires: [operator, order]", (Need(),), Policy.REFUSE),
        ("requires: {operator: refuse, order: record}", (Need(),), Policy.RECORD),
        (
            "requires: [{operator: record}, {order: {missing: record}}]",
            (Need(refuses=False),),
            "record",
        ),
        (
            "requires: [operator, {operator: {role: inspector, at_least: 2, missing: record}}]",
            (Need(), Need(role="inspector", at_least=2, refuses=False)),
            None,
        ),
        ("requires: {operator: {role: inspector}}", (Need(role="inspector"),), None),
        ("requires: []", (), None),
    ],
)
def test_needs_in_each_of_their_forms(
    needs: str, crew: tuple[Need, ...], order: Policy | None
) -> None:
    """A word, a mapping, a list of both: the same plan."""
    station = loaded(press(people=SEVERAL, needs=needs, badges=INSPECTOR)).station
    assert (station.crew.needs, station.requires_order) == (crew, order)


def test_a_crew_is_planned() -> None:
    """One at a time where nothing is said; several up to `max`."""
    assert loaded(PRESS).station.crew == Crew(needs=(Need(),))
    people = (
        'sessions: several, max: 3, uncertainty: 20s, longest_cycle: 5min, roles: {setter: "80"}'
    )
    config = loaded(press(people=people))
    assert config.station.crew == Crew(
        most=3, uncertainty_ms=20_000, longest_cycle_ms=300_000, needs=(Need(),)
    )
    assert config.operators.roles == {"setter": ("80",)}


def test_people_are_told_in_plain_words() -> None:
    """Who may be on, in which role, whom a unit names, and what follows where somebody lacks."""
    people = 'sessions: several, max: 3, uncertainty: 20s, roles: {setter: ["80", "81"]}'
    needs = "requires: [{operator: {role: setter, at_least: 2}}, {order: record}]"
    text = press(people=people, needs=needs, badges=INSPECTOR)
    assert told(text, "people") == [
        "badges as pseudonyms",
        "up to 3 at once; each badge signs its own person on and off",
        "setter: badge numbers that begin with 80 or 81",
        "inspector: by the scan rule of the badge",
        "a unit names everybody who was signed on during its cycle, give or take 20s; else nobody",
    ]
    assert told(text, "binds")[1:] == [
        "a unit without 2 x setter is refused",
        "a unit without order is recorded as lacking it",
    ]
    assert told(PRESS, "people")[1:] == [
        "one at a time: the next badge ends the session before",
        "a unit names everybody who was signed on during its cycle; else nobody",
    ]
