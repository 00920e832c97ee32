"""Products with a granularity each: what they come down to, and what is refused (D-1, D-12)."""

import pytest

from agent.config.explain import explained
from agent.core.station import By, Product, ProductPlan
from tests.unit.config.stations import MIXED, edited, loaded, problems
from tests.unit.config.test_strategies import example, told

BOX = "{device: plc, table: holding, address: 140, type: string, length: 8}"
MARKING = example("marking-station")


def test_products_of_the_example() -> None:
    """The plan holds each product as the file has it; the unknown one is the finest of them."""
    station = loaded(MIXED).station
    valve = Product(name="valve", by=By.SERIAL, ids=("VALVE-15", "VALVE-20"))
    screw = Product(name="screw", by=By.LOT, pattern=r"SCREW-\d\d")
    pump = Product(name="pump", by=By.BOTH, ids=("PUMP",))
    assert station.products == ProductPlan(
        products=(valve, screw, pump),
        tag="recipe",
        device="plc",
        unknown=Product(name="", by=By.BOTH),
    )
    assert (station.by, station.counts_pieces, station.names_lots) == (By.SERIAL, True, True)


def test_unknown_product_is_as_declared() -> None:
    """As a product that is named, or refused and counted in the finest level."""
    as_screw = loaded(edited(MIXED, ("unknown_product: strictest", "unknown_product: screw")))
    assert as_screw.station.products is not None
    assert as_screw.station.products.unknown.name == "screw"
    refused = loaded(edited(MIXED, ("unknown_product: strictest", "unknown_product: refuse")))
    assert refused.station.products is not None
    assert refused.station.products.refuses
    assert (
        "product not known: a unit is refused, answer 6; pieces are counted as a unit with an "
        "identity of its own, one of the lot that is open"
    ) in explained(refused)


def test_product_is_its_own_name_where_nothing_else_is_said() -> None:
    """What the source calls it need not be repeated."""
    station = loaded(edited(MIXED, ("    ids: PUMP\n", ""))).station
    assert station.products is not None
    assert station.products.products[2].ids == ("pump",)


def test_product_by_order() -> None:
    """By how the number begins; with a tag of the order it is read there."""
    text = edited(
        MIXED,
        ("product: {tag: recipe}", 'product: {orders: {"WO-1": valve, "WO-2": screw}}'),
        ("    ids: [VALVE-15, VALVE-20]\n", ""),
        ("    # Every other screw is one, too: what matches as a whole.\n", ""),
        ("    pattern: 'SCREW-\\d\\d'\n", ""),
        ("    ids: PUMP\n", ""),
    )
    plan = loaded(text).station.products
    assert plan is not None
    assert (plan.tag, plan.orders) == (None, (("WO-1", "valve"), ("WO-2", "screw")))
    said = explained(loaded(text))
    assert "valve (orders WO-1…): a unit with an identity of its own" in said
    assert "pump (no order)" in said
    assert "which of them is made: by the order that is scanned" in said
    with_tag = edited(text, ("  lot: scan\n", "  lot: scan\n  order: {tag: recipe}\n"))
    plan = loaded(with_tag).station.products
    assert plan is not None
    assert (plan.tag, plan.device) == ("recipe", "plc")
    assert "which of them is made: by the order, in 'recipe'" in explained(loaded(with_tag))


def test_product_by_code() -> None:
    """By the codes of units and lots, where those come before the cycle."""
    text = edited(MIXED, ("product: {tag: recipe}", "product: scan"))
    plan = loaded(text).station.products
    assert plan is not None
    assert plan.by_scan
    assert "by the codes of units and lots that are scanned" in explained(loaded(text))


def test_mixed_products_are_told_in_plain_words() -> None:
    """How each is tracked, where it is learned which is made, and what if nobody knows."""
    assert told("mixed-products", "tracks") == [
        "valve (VALVE-15, VALVE-20): a unit with an identity of its own",
        r"screw (like SCREW-\d\d): pieces counted to the lot that is open",
        "pump (PUMP): a unit with an identity of its own, one of the lot that is open",
        "which of them is made: by 'recipe'",
        "the lot: named by scan",
        "a piece of 'pieces' that is no unit's is counted to the lot",
    ]
    assert told("mixed-products", "if not")[-2:] == [
        (
            "product not known: a unit with an identity of its own, one of the lot that is open, "
            "and the record says so"
        ),
        "product changed while it was made: possible for both, in one record",
    ]


def test_marking_is_told_in_plain_words() -> None:
    """What a unit was before, and where its lot is learned."""
    assert told("marking-station", "tracks") == [
        (
            "each a unit with an identity of its own, until it is marked here a piece of a lot "
            "(named by scan)"
        )
    ]
    both = explained(loaded(edited(MARKING, ("by: serial", "by: both"))))
    assert "one of the lot that is open, until it is marked here a piece of a lot" in both
    by_tag = edited(
        MARKING,
        ("  lot: scan\n", "  lot: {tag: box}\n"),
        (
            "  readable:",
            f"  box: {BOX}\n  readable:",
        ),
        ("  - {match: {regex: 'BOX-(?P<lot>\\d{6})-(?P<quantity>\\d{1,4})'}, means: lot}\n", ""),
    )
    assert "(named by tag 'box')" in explained(loaded(by_tag))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("because: volume", "because: risk"), "by lot although risk"),
        (("because: risk", "because: volume"), "by serial because of volume"),
        (("because: regulated", "because: volume"), "by both because of volume"),
    ],
)
def test_level_that_does_not_fit_its_reason_is_warned_of(
    change: tuple[str, str], says: str
) -> None:
    """By law or risk no lots, by volume no serials: the first two of the usual mistakes (D-14)."""
    (warning,) = loaded(edited(MIXED, change)).warnings
    assert warning.message.startswith(says)


def test_marking_needs_its_lot() -> None:
    """A piece of a lot that nobody names would be of every lot; pieces by lot are never marked."""
    (problem,) = problems(edited(MARKING, ("  lot: scan\n", "")))
    assert "what is of a lot needs `lot`" in problem
    by_lot = problems(edited(MARKING, ("by: serial", "by: lot")))
    assert any("pieces that are tracked by lot get no identity here" in each for each in by_lot)


def test_count_only_counts_several_products() -> None:
    """All of them by lot; a unit among them has nobody who could bind it."""
    pair = "pair: {strategy: scan-then-cycle, window: 20s, settle: 200ms}"
    text = edited(
        MIXED,
        ("    by: serial\n    because: risk\n", "    by: lot\n"),
        ("    by: both\n    because: regulated\n", "    by: lot\n"),
        (pair, "pair: {strategy: count-only}"),
    )
    start, end = text.index("  end:\n"), text.index("publish:")
    counting = text[:start] + "  ready: {tag: ready}\n\n" + text[end:]
    station = loaded(counting).station
    assert (station.by, station.counts_pieces) == (By.LOT, True)
    (problem,) = problems(edited(counting, ("by: lot\n    ids: PUMP", "by: both\n    ids: PUMP")))
    assert "'count-only' binds by lot, and some are units; for serial: scan-then-cycle" in problem
