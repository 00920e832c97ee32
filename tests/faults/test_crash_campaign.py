"""The short form of the crash campaign: each case of it once (FAULTS, bar per release)."""

from dataclasses import replace

import pytest

from tests.crash.__main__ import table
from tests.crash.campaign import BAR, Line, below_the_bar, cases, one_share
from tests.crash.cuts import Tally


@pytest.mark.parametrize("name", [case.name for case in cases()])
def test_nothing_acknowledged_is_lost_and_the_controls_lose(name: str) -> None:
    """Power cuts, cuts within recovery, rot and kills lose nothing; a control is seen losing."""
    case = next(case for case in cases() if case.name == name)
    tally = one_share(name, 7)
    assert case.passes(tally) is None, tally.worst


HEAD = (
    "| fault | cases | acknowledged events | lost | wrong | duplicated by address"
    " | stuck or unreadable | lost and named | control seen failing |"
)


def _line(name: str, *found: str) -> Line:
    """Return a case's line after images of these classes."""
    case = next(case for case in cases() if case.name == name)
    tally = Tally(events=100)
    for what in found:
        tally.add(what, "")
    return Line(case, 0, tally)


def test_every_class_has_its_column() -> None:
    """Of what was found nothing disappears in the table, and a control says whether it was seen."""
    rotten = ("lost", "altered", "invented", "doubled", "stuck", "unreadable", "named", "ok")
    lines = [
        _line("power cuts, journal", *rotten),
        _line("control: synchronous=OFF", "lost", "ok"),
        _line("control: synchronous=NORMAL", "ok", "ok"),
    ]
    assert table(lines).splitlines() == [
        HEAD,
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| power cuts, journal | 8 | 100 | 1 | 2 | 1 | 2 | 1 |  |",
        "| control: synchronous=NORMAL | 2 | 100 | 0 | 0 | 0 | 0 | 0 | no |",
        "| control: synchronous=OFF | 2 | 100 | 1 | 0 | 0 | 0 | 0 | yes, 1 |",
    ]


def test_a_long_form_that_is_short_says_so() -> None:
    """What a long form must have is counted without its controls, kind by kind."""
    lines = [Line(case, 0, Tally(images=100_000)) for case in cases()]
    assert below_the_bar(lines) == []
    few = [line for line in lines if not line.case.name.startswith("kill")]
    assert below_the_bar(few) == ["kill -9: 0 of 10,000", ", cold: 0 of 500"]
    controls = [replace(line, case=replace(line.case, is_control=True)) for line in lines]
    assert len(below_the_bar(controls)) == len(BAR)
