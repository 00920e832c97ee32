"""The reconciliation: it agrees when all is well, and each sort of loss makes it fail."""

from dataclasses import replace

from agent.demo import codes
from agent.demo.delivered import Delivered
from agent.demo.reconcile import Books, reconcile, report, unit_of, wrong_units
from agent.demo.tally import Verdict
from tests.unit.demo.books import (
    FILLER,
    PRESS,
    books,
    filler_history,
    message,
    press_history,
)


def failed(checked: Books) -> list[str]:
    """Return the names of the checks that fail."""
    return [check.name for check in reconcile(checked) if not check.ok]


def test_books_that_agree_pass() -> None:
    """Every check passes and shows its numbers."""
    assert report(reconcile(books())).splitlines() == [
        (
            "OK   requests          1 answered = 1 completed + 0 refused + 0 unbound "
            "= 1 answers read by the PLC = 1 delivered addresses"
        ),
        "OK   right unit        1 named a unit, 0 of them another than lay in the machine",
        "OK   addresses press   3 delivered = 1..2, 1..1 of 2 epochs",
        "OK   addresses filler  2 delivered = 1..2 of 1 epoch",
        (
            "OK   chain             5 hashes computed anew, 0 differ; 0 links do not fit; "
            "0 addresses with two contents"
        ),
        "OK   pieces            5 counted by the machine = 5 in lot_counted.n = 5 delivered",
        "OK   journal press     lineside verify: 3 events in 2 epochs",
        "OK   journal filler    lineside verify: 2 events in 1 epochs",
    ]


def test_answer_without_a_record_is_found() -> None:
    """The PLC let go of a part of which nobody knows."""
    checked = books()
    checked.press.parts[1, 2] = codes.unit("SN000002")
    checked.press.answers[1, 2] = 1
    checked.press.answers_read += 1
    assert failed(checked) == ["requests"]


def test_record_without_an_answer_is_found() -> None:
    """An event stands for a request that the PLC never saw answered."""
    checked = books()
    checked.press.answers.clear()
    checked.press.answers_read = 0
    assert failed(checked) == ["requests"]


def test_request_that_the_plc_forgot_may_be_recorded() -> None:
    """It was up when the memory was lost: whether it was committed first, nobody can choose."""
    checked = books()
    checked.press.answers.clear()
    checked.press.answers_read = 0
    checked.press.forgotten.add((1, 1))
    assert failed(checked) == []
    assert "- 1 that the PLC lost its memory of" in report(reconcile(checked))


def test_another_unit_than_lay_there_is_found() -> None:
    """A wrong binding is worse than none."""
    checked = books(press=press_history(unit=unit_of(codes.unit("SN000009"))))
    assert failed(checked) == ["right unit"]
    assert wrong_units(checked) == ["000001-aaaaaaaa-2"]


def test_unit_of_a_request_that_nobody_made_is_found() -> None:
    """An event out of nothing is a wrong one."""
    checked = books()
    checked.press.parts.clear()
    assert "right unit" in failed(checked)


def test_gap_is_found() -> None:
    """An address that was committed and not delivered."""
    press, filler = press_history(), filler_history()
    checked = books(press=press, filler=filler, delivered=[*press[1:], *filler])
    assert failed(checked) == ["addresses press"]


def test_lost_end_of_an_epoch_is_found() -> None:
    """The successor names an end that the journal no longer has."""
    checked = books(press=press_history()[:2], delivered=[*press_history(), *filler_history()])
    assert "addresses press" in failed(checked)


def test_pieces_that_do_not_add_up_are_found() -> None:
    """The machine made 5, and 4 were counted."""
    assert failed(books(filler=filler_history(n=4))) == ["pieces"]


def test_altered_event_is_found() -> None:
    """Its hash, computed anew, differs; and the same address with two contents is a conflict."""
    press = press_history()
    altered = [press[0], {**press[1], "unit": None}, *press[2:], *filler_history()]
    assert failed(books(press=press, delivered=altered)) == ["chain"]
    twice = books(press=press)
    twice.delivered.take(message({**press[1], "unit": None}))
    assert failed(twice) == ["chain"]


def test_broken_link_is_found() -> None:
    """An event that names another predecessor than the one that was delivered."""
    press = press_history()
    other = press_history(kind="unit_refused")
    checked = books(press=press, delivered=[press[0], other[1], press[2], *filler_history()])
    assert failed(checked) == ["chain"]


def test_journal_that_is_not_whole_is_found() -> None:
    """What `lineside verify` says counts, and so does how much it saw."""
    for verdict in (
        Verdict(rows=3, epochs=2, whole=False, text="NOT WHOLE"),
        Verdict(rows=2, epochs=2, whole=True, text="whole"),
    ):
        checked = books()
        book = replace(checked.committed[PRESS], verdict=verdict)
        checked = replace(checked, committed={**checked.committed, PRESS: book})
        assert failed(checked) == ["journal press"]
    assert FILLER in checked.committed


def test_repeats_count_once_and_are_told() -> None:
    """At least once is promised; by its address a consumer drops the second one."""
    checked = books()
    again = checked.delivered.take(message(press_history()[1]))
    assert again is None
    assert failed(checked) == []
    assert "(1 came twice and count once)" in report(reconcile(checked))


def test_nothing_delivered_is_nothing_proven() -> None:
    """An empty book never passes for a full one."""
    checked = replace(books(), delivered=Delivered())
    assert failed(checked) == ["requests", "addresses press", "addresses filler", "pieces"]
