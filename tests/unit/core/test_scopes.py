"""How far a recall reaches, by how lots are cut (D-10, D-11)."""

import json
from fractions import Fraction
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.scopes import Scope, rule_of_thumb, scope, several

DATA = Path(__file__).parents[2] / "data" / "trace" / "worked_example.json"


def by_hand(units: int, run: int, size: int) -> Scope:
    """Try every place and add the sub-lots up."""
    lots = [range(begin, min(units, begin + size)) for begin in range(0, units, size)]
    taken = [
        sum(len(lot) for lot in lots if lot.start < place + run and lot.stop > place)
        for place in range(units - run + 1)
    ]
    return Scope(Fraction(sum(taken), len(taken)), min(taken), max(taken))


@given(st.data(), st.integers(1, 60), st.integers(1, 70))
def test_the_scope_is_what_counting_every_place_gives(
    data: st.DataObject, units: int, size: int
) -> None:
    """Mean, least and most are exact for every lot, run and sub-lot, ends included (D-10)."""
    run = data.draw(st.integers(1, units))
    assert scope(units, run, size) == by_hand(units, run, size)


def test_the_scope_of_every_small_lot() -> None:
    """Each run in each lot of up to 16 units, in sub-lots of every size (D-10)."""
    for units in range(1, 17):
        for run, size in product(range(1, units + 1), range(1, units + 2)):
            assert scope(units, run, size) == by_hand(units, run, size)


def over_lots(units: int, run: int, size: int) -> Scope:
    """Lay the run over as many lots as it needs, beginning at each unit of the first."""
    lots = [
        range(lot + begin, lot + min(units, begin + size))
        for lot in range(0, units + run, units)
        for begin in range(0, units, size)
    ]
    taken = [
        sum(len(lot) for lot in lots if lot.start < place + run and lot.stop > place)
        for place in range(units)
    ]
    return Scope(Fraction(sum(taken), len(taken)), min(taken), max(taken))


@given(st.integers(1, 40), st.integers(1, 150), st.integers(1, 45))
def test_a_run_longer_than_a_lot_takes_every_lot_it_meets(units: int, more: int, size: int) -> None:
    """What a package feeds beyond the end of a lot comes back too: exact, and never less (D-4)."""
    run = units + more
    found = scope(units, run, size)
    assert found == over_lots(units, run, size)
    assert found.least >= run


def test_a_lot_of_any_size_takes_no_time() -> None:
    """The scope of a hundred million units is computed, not counted (D-10)."""
    assert scope(10**8, 10**8 - 1, 10).mean == 10**8
    assert scope(10**8, 9 * 10**7, 1).mean == 9 * 10**7
    assert scope(3, 10**12, 2).most == 10**12 + 1


def test_the_published_table() -> None:
    """N = 5,000 and d = 140 give the figures of D-10, as the shared data has them."""
    for each in json.loads(DATA.read_text())["sublots"]:
        mean = each["mean_over_all_offsets"]
        exact = Fraction(mean["numerator"], mean["denominator"])
        size = each["sublot_size"]
        assert scope(5_000, 140, size) == Scope(exact, each["min"], each["max"])
        assert rule_of_thumb(5_000, 140, size) == each["formula_capped_at_lot"]


@given(st.integers(1, 300), st.integers(1, 300))
def test_finer_records_never_recall_more(units: int, run: int) -> None:
    """Halving a sub-lot takes no more back, at its mean, least and most (D-11)."""
    run = min(run, units)
    coarse, fine = scope(units, run, 16), scope(units, run, 8)
    assert (fine.mean, fine.least, fine.most) <= (coarse.mean, coarse.least, coarse.most)
    assert scope(units, run, 1) == Scope(Fraction(run), run, run)


def test_several_runs_add_up_to_no_more_than_there_is() -> None:
    """Separate runs add their scopes, and are never more than the lot (D-11)."""
    assert several(1_000, (Fraction(300), Fraction(400))) == 700
    assert several(1_000, (Fraction(600), Fraction(700))) == 1_000
    assert isinstance(several(1_000, ()), Fraction)


@pytest.mark.parametrize(("units", "run", "size"), [(100, 0, 10), (0, 1, 10), (100, 10, 0)])
def test_what_is_no_run_or_no_sublot_is_refused(units: int, run: int, size: int) -> None:
    """Nothing is computed of what cannot be (D-10)."""
    told = f"no run of {run} in {units} units, in sub-lots of {size}"
    with pytest.raises(ValueError, match=told):
        scope(units, run, size)
