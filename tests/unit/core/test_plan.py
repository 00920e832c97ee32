"""What a product is proposed to be tracked by, and what that takes (D-10 to D-13)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.plan import LAWS, Advice, Capture, Costs, Grain, Part, ProductFacts, Rank, advise
from agent.core.plan_volume import Load, daily, missing, options
from agent.core.scopes import scope

VALUES = [Rank.LOW, Rank.MEDIUM, Rank.HIGH]
BOX = Part(name="housing", by=Grain.LOT, package=140, critical=True)
VALVE = ProductFacts(
    name="valve",
    per_day=5_000,
    lot=5_000,
    value=Rank.MEDIUM,
    consequence=Rank.MEDIUM,
    parts=(BOX,),
    cycle_s=12.0,
)
PRODUCTS = st.builds(
    replace,
    st.just(VALVE),
    lot=st.integers(1, 6_000),
    value=st.sampled_from(VALUES),
    consequence=st.sampled_from(Rank),
    law=st.none() | st.sampled_from(list(LAWS.values())),
    run=st.none() | st.integers(1, 9_000),
    doubt=st.integers(0, 30),
    most_recalled=st.none() | st.integers(1, 6_000),
    container=st.none() | st.integers(1, 700),
    lot_process=st.booleans(),
    today=st.sampled_from([Grain.LOT, Grain.SERIAL]),
    parts=st.sampled_from([(), (BOX,), (replace(BOX, by=None),)]),
)


@given(PRODUCTS, st.sampled_from(VALUES), st.sampled_from(Rank))
def test_more_value_or_consequence_is_never_tracked_coarser(
    facts: ProductFacts, value: Rank, consequence: Rank
) -> None:
    """The proposed level rises with value and with consequence, and never falls (D-12)."""
    more = replace(
        facts,
        value=max(facts.value, value),
        consequence=max(facts.consequence, consequence),
    )
    assert advise(more).grain >= advise(facts).grain


@given(PRODUCTS)
def test_nothing_is_proposed_coarser_than_the_law_asks(facts: ProductFacts) -> None:
    """Where the law names a level it is no choice; a lot it asks for stays on record (D-12)."""
    advice = advise(facts)
    if facts.law is not None:
        assert advice.grain >= facts.law.least
        assert advice.by == "both" or not facts.law.lots_too
    assert (advice.sublot is not None) <= (advice.by == "lot")
    assert advice.reasons


@given(PRODUCTS)
def test_a_sublot_keeps_the_worst_case(facts: ProductFacts) -> None:
    """Where lots are cut and a most is given, the worst case is within it (D-10)."""
    advice, run = advise(facts), facts.fault_run
    if advice.sublot is not None and facts.most_recalled is not None and run is not None:
        assert scope(facts.lot, run, advice.sublot).most <= facts.most_recalled


@given(PRODUCTS)
def test_scopes_are_the_formula_and_one_option_is_proposed(facts: ProductFacts) -> None:
    """Each option's scope is that of D-10, the doubt at the run's ends counted (D-11)."""
    found = options(facts, advise(facts), 250)
    assert [option.size for option in found] == sorted({o.size for o in found}, reverse=True)
    assert sum(option.is_advised for option in found) == 1
    for option in found:
        run = facts.fault_run
        want = None if run is None else scope(facts.lot, run, option.size)
        assert (option.mean, option.worst) == (
            (want.mean, want.most) if want is not None else (None, None)
        )
        assert option.cost_per_year is None


@given(st.integers(1, 60), st.integers(1, 20))
def test_a_package_feeds_every_unit_that_has_a_piece_of_it(package: int, per_unit: int) -> None:
    """Packages follow each other; the run of a fault is the most that one of them feeds (D-4)."""
    runs = [
        ((n + 1) * package - 1) // per_unit - n * package // per_unit + 1 for n in range(per_unit)
    ]
    part = replace(BOX, package=package, per_unit=per_unit)
    assert part.fed == max(runs)
    assert replace(VALVE, parts=(part,)).fault_run == max(runs)


def test_a_fault_that_lasts_for_several_lots_recalls_all_of_them() -> None:
    """Whatever units are tracked by, no fewer come back than it hits; lots need no cutting then."""
    reel = replace(VALVE, lot=500, parts=(replace(BOX, package=4_000),))
    advice = advise(reel)
    assert (advice.by, advice.sublot) == ("lot", None)
    assert "4,000 in a row, and a lot has 500: it needs no cutting" in advice.reasons[1]
    found = options(reel, advice, 250)
    assert [(each.size, each.worst) for each in found] == [
        (500, 4_500),
        (100, 4_100),
        (10, 4_010),
        (1, 4_000),
    ]
    assert [each.is_advised for each in found] == [True, False, False, False]
    assert advise(replace(reel, most_recalled=4_500)).sublot is None
    assert advise(replace(reel, most_recalled=4_200)).sublot == 200
    low = replace(reel, value=Rank.LOW, consequence=Rank.LOW)
    assert advise(replace(low, most_recalled=4_499)).grain > Grain.LOT
    assert advise(replace(low, most_recalled=4_500)).grain is Grain.LOT


@pytest.mark.parametrize(
    ("value", "consequence", "grain"),
    [
        (Rank.LOW, Rank.LOW, Grain.LOT),
        (Rank.LOW, Rank.MEDIUM, Grain.SUBLOT),
        (Rank.MEDIUM, Rank.HIGH, Grain.LINKED),
        (Rank.HIGH, Rank.LOW, Grain.SERIAL),
        (Rank.LOW, Rank.SAFETY, Grain.POSITIONED),
    ],
)
def test_the_rows_of_the_published_table(value: Rank, consequence: Rank, grain: Grain) -> None:
    """Each row of D-12 comes out as it is written."""
    assert advise(replace(VALVE, value=value, consequence=consequence)).grain is grain


def test_how_lots_are_cut() -> None:
    """By what may come back, by the run of a fault, by container; said where it cannot be."""
    assert advise(replace(VALVE, most_recalled=1_000)).sublot == 500
    assert advise(VALVE).sublot == 100
    assert advise(replace(VALVE, container=240, most_recalled=600)).sublot == 240
    low = replace(VALVE, value=Rank.LOW, consequence=Rank.LOW)
    assert advise(low).sublot is None
    assert advise(replace(low, most_recalled=1_000)).sublot == 500
    assert advise(replace(VALVE, most_recalled=140)).by == "serial"
    assert advise(replace(VALVE, run=1, parts=())).by == "serial"
    assert "not even serials" in advise(replace(VALVE, most_recalled=100)).reasons[1]
    unknown = replace(VALVE, parts=())
    assert advise(unknown).sublot is None
    assert "cannot be said" in advise(unknown).reasons[1]
    assert advise(replace(unknown, container=50)).sublot == 50


NEED = (
    "value medium, consequence medium: sub-lots, each naming the lots or serials of the parts that"
)
LOOSE_TOLD = (
    "it is worth that only if what goes in is recorded: without links a serial recalls the whole "
    "lot"
)


@pytest.mark.parametrize(
    ("facts", "reasons"),
    [
        (
            VALVE,
            (
                f"{NEED} matter",
                (
                    "one fault hits 140 in a row: sub-lots of 100 are of that order; cutting "
                    "finer, down to serials, saves 99 units a recall at most"
                ),
            ),
        ),
        (
            replace(VALVE, most_recalled=1_000),
            (
                f"{NEED} matter",
                (
                    "the largest sub-lot whose worst case, 1,000, is within the 1,000 units that "
                    "may come back"
                ),
            ),
        ),
        (
            replace(VALVE, most_recalled=140),
            (f"{NEED} matter", "no sub-lot keeps the worst case within 140: serials do"),
        ),
        (
            replace(VALVE, most_recalled=100),
            (
                f"{NEED} matter",
                (
                    "one fault hits 140 units, more than the 100 that may come back: not even "
                    "serials keep that; smaller packages or closer checks would"
                ),
            ),
        ),
        (
            replace(VALVE, run=1),
            (
                f"{NEED} matter",
                "one fault hits 1 in a row, fewer than any sub-lot holds",
            ),
        ),
        (
            replace(VALVE, parts=()),
            (
                f"{NEED} matter",
                (
                    "how finely to cut cannot be said: give `faulty_run`, or the `package` of a "
                    "component"
                ),
                LOOSE_TOLD,
            ),
        ),
        (
            replace(VALVE, parts=(), container=50),
            (
                f"{NEED} matter",
                (
                    "a sub-lot is a container of 50; without `faulty_run` or a `package` of a "
                    "component its scope cannot be said"
                ),
                LOOSE_TOLD,
            ),
        ),
        (
            replace(VALVE, law=LAWS["medicine-pack"]),
            (
                f"{NEED} matter",
                (
                    "EU medicine packs carry a unique identifier each, with the batch (Delegated "
                    "Regulation (EU) 2016/161): a serial for each unit, linked to what went into "
                    "it, and that is no choice"
                ),
                "the lot stays on record beside the unit: what is done to it is done to all",
            ),
        ),
        (
            replace(VALVE, consequence=Rank.SAFETY, law=LAWS["battery"]),
            (
                (
                    "safety or health: a serial for each unit, and what went into each position of "
                    "it, whatever a unit is worth"
                ),
                (
                    "each EV, light-transport and industrial battery over 2 kWh has its own "
                    "passport from 18 February 2027 (Regulation (EU) 2023/1542 Art. 77): met"
                ),
            ),
        ),
        (
            replace(VALVE, value=Rank.LOW, consequence=Rank.LOW, most_recalled=1_000),
            (
                "value low, consequence low: a lot is enough",
                "but no more than 1,000 of 5,000 may come back",
                (
                    "the largest sub-lot whose worst case, 1,000, is within the 1,000 units that "
                    "may come back"
                ),
            ),
        ),
    ],
)
def test_the_reasons_are_said_in_plain_words(facts: ProductFacts, reasons: tuple[str, ...]) -> None:
    """What decided is said, each in one sentence, without the numbers of our rules (D-12)."""
    assert advise(facts).reasons == reasons


def test_a_day_is_counted_by_the_worked_examples_events() -> None:
    """Events, links, bytes and codes of a day, by unit and by sub-lot (D-13)."""
    two = replace(VALVE, per_day=1_400, parts=(BOX, Part(name="chip", by=Grain.SERIAL, per_unit=2)))
    assert daily(two, 1) == Load(
        events=2 * 1_400 + 3 * 10 + 2 * 2_800,
        links=2 * 1_400 + 2_800,
        bytes=1_400 * (730 + 650 + 2 * 120) + 10 * (650 + 2 * 640) + 2_800 * (650 + 640),
        scans=10 + 2_800,
    )
    fast = replace(VALVE, per_day=1_400, lot=700, cycle_s=0.25, capture=Capture.KEYED)
    rows = 1_400 * 0.25 + 28
    assert daily(fast, 50) == Load(
        events=rows + 2 * 28 + 3 * 10,
        links=rows * (1 + 2),
        bytes=rows * (600 + 120) + 2 * 28 * 570 + 10 * (650 + 2 * 640),
        scans=2 + 10,
    )
    assert daily(fast, 700).links == (1_400 * 0.25 + 2) * 1
    assert daily(fast, 1).scans == 1_400 + 10


def test_the_own_figures_are_used_and_nothing_else() -> None:
    """Recall is scope times price, capture the given prices; what is not given is named (D-11)."""
    costs = Costs(
        per_recalled_unit=10.0,
        per_recall=1_000.0,
        recalls_per_year=0.5,
        per_record=0.001,
        per_scan=0.01,
        per_serial=0.1,
    )
    facts = replace(VALVE, costs=costs, capture=Capture.HANDHELD, today_size=250)
    lot, *_, serial = options(facts, advise(facts), 200)
    assert (lot.recall_cost, lot.recall_cost_per_year) == (51_000.0, 25_500.0)
    assert serial.recall_cost == 2_400.0
    load = daily(facts, 1)
    day = load.events * 0.001 + load.scans * 0.01 + 5_000 * 0.1
    assert serial.capture_cost_per_year == pytest.approx(day * 200)
    assert serial.cost_per_year == pytest.approx(1_200.0 + day * 200)
    assert any(option.name == "sub-lots of 250" for option in options(facts, advise(facts), 200))
    assert list(missing(facts)) == []
    told = list(missing(replace(VALVE, cycle_s=None, parts=(replace(BOX, package=None),))))
    assert [line.split(":")[0] for line in told] == [
        "the scope of a recall",
        "the cost of a recall",
        "the cost of capture",
        "how often housing is loaded",
        "how many rows counting takes",
    ]
    some = replace(facts, costs=Costs(per_recalled_unit=1.0), parts=(replace(BOX, by=None),))
    assert [line.split(":")[0] for line in missing(some)] == [
        "what a fault of housing recalls",
        "the cost of recalls a year",
        "the cost of capture",
    ]
    assert options(some, advise(some), 250)[0].recall_cost_per_year is None


def test_serial_components_and_more_stations_are_counted() -> None:
    """Each serial component is scanned and put in; each station records the unit (D-13)."""
    plain = daily(replace(VALVE, parts=()), 1)
    chips = Part(name="chip", by=Grain.SERIAL, per_unit=2)
    with_chips = daily(replace(VALVE, parts=(chips,)), 1)
    assert with_chips.events - plain.events == 5_000 * 2 * 2
    assert with_chips.scans == 5_000 * 2
    unpacked = daily(replace(VALVE, parts=(replace(BOX, package=None),)), 1)
    assert (unpacked.events, unpacked.links) == (plain.events, 5_000)
    twice = daily(replace(VALVE, parts=(chips,), stations=2), 1)
    assert twice.store_bytes == 2 * with_chips.store_bytes
    assert twice.journal_bytes == 2 * with_chips.journal_bytes


def test_each_way_has_its_name_and_its_own_capture() -> None:
    """A price for each serial is paid where there are serials, and nowhere else (D-11)."""
    facts = replace(VALVE, lot=1_000, costs=Costs(per_serial=0.1), parts=())
    found = options(facts, advise(replace(facts, value=Rank.HIGH)), 200)
    assert [(option.name, option.size, option.is_advised) for option in found] == [
        ("lot", 1_000, False),
        ("sub-lots of 500", 500, False),
        ("sub-lots of 100", 100, False),
        ("sub-lots of 10", 10, False),
        ("serial", 1, True),
    ]
    assert [option.capture_cost_per_year for option in found] == [
        *[0.0] * 4,
        pytest.approx(5_000 * 0.1 * 200),
    ]
    pairs = replace(facts, today_size=2)
    assert options(pairs, advise(pairs), 200)[-2].name == "sub-lots of 2"


@pytest.mark.parametrize("grain", [Grain.SERIAL, Grain.LINKED, Grain.LOT])
def test_the_proposed_way_is_among_those_that_are_shown(grain: Grain) -> None:
    """The unit from serials on, the whole lot where it is not cut (D-12)."""
    advice = Advice(grain=grain, lots_too=False, sublot=None, reasons=())
    (size,) = [each.size for each in options(VALVE, advice, 200) if each.is_advised]
    assert size == (1 if grain >= Grain.SERIAL else VALVE.lot)


def test_what_is_missing_is_said_in_whole_sentences() -> None:
    """What cannot be said, why, and what to give."""
    loose = (replace(BOX, by=None), Part(name="seal", critical=True))
    assert list(missing(replace(VALVE, parts=loose, cycle_s=None, costs=Costs()))) == [
        (
            "what a fault of housing, seal recalls: nobody records which went in, so until that is "
            "scanned it is the whole lot, however units are tracked"
        ),
        "the cost of a recall: give `costs.per_recalled_unit`",
        "the cost of capture: give `costs.per_record`, `per_scan` or `per_serial`",
        "how many rows counting takes: give `cycle`; a row a piece is taken, the most",
    ]
    assert list(
        missing(replace(VALVE, parts=(Part(name="seal", by=Grain.LOT),), costs=Costs()))
    ) == [
        "the scope of a recall: give `faulty_run`, or the `package` of a component",
        "the cost of a recall: give `costs.per_recalled_unit`",
        "the cost of capture: give `costs.per_record`, `per_scan` or `per_serial`",
        "how often seal is loaded: give its `package`",
    ]
    some = Costs(per_recalled_unit=1.0, per_serial=1.0)
    assert list(missing(replace(VALVE, costs=some))) == [
        "the cost of recalls a year: give `costs.recalls_per_year`",
    ]
