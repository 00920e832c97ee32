"""Labels that stand for a command, in the station file: who gives it, and what is of no use."""

from agent.config.explain import explained
from tests.unit.config.stations import PRESS, edited, loaded, problems, warnings

SCRAP = "  - {match: {regex: 'SCRAP (?P<id>[A-Z]+)'}, means: scrap}\n"
NOK = "  - {match: {regex: 'NOK'}, means: nok}\n"
BADGES = "  - {match: {regex: 'OP-(?P<operator>\\d{4})'}, means: operator}\n"


def test_it_is_told_back_what_a_label_does() -> None:
    """Which label, what is scanned after it, within what time, and who has done it."""
    said = explained(loaded(edited(PRESS, ("scans:\n", "scans:\n" + SCRAP))))
    assert "by label   scrap, then a unit at the same reader within 30s: the unit is scrap" in said
    assert "who is signed on has done it; nobody: refused, the reader is told bad" in said
    assert "by label" not in explained(loaded(PRESS))


def test_whoever_gives_a_command_is_known() -> None:
    """Without badges nobody would be known to have done it (D-143), save by the plant's choice."""
    anonymous = edited(
        PRESS,
        (BADGES, SCRAP),
        ("  requires: {operator: refuse, order: record}", "  requires: [order]"),
    )
    (said,) = problems(anonymous)
    assert said.endswith(
        "scans[0].means: nobody would be known who says 'scrap': no rule means operator; "
        "add {match: …, means: operator}, or `operators: {mode: none}`"
    )
    people = "operators: {mode: pseudonym, key: credential:operator-key, idle: 8h}"
    chosen = edited(anonymous, (people, "operators: {mode: none}"))
    assert "who is signed on" not in explained(loaded(chosen))


def test_a_label_without_use_is_told() -> None:
    """Where a machine says the result, a person's word about it would be passed over."""
    (said,) = warnings(edited(PRESS, ("scans:\n", "scans:\n" + NOK)))
    assert "nothing is done with nok codes here: the machine's `verdict` says so" in said
