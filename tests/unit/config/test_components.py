"""What a position of a station file must agree with, and how it is told back (D-42 to D-57)."""

import pytest

from agent.config.explain import explained
from tests.unit.config.stations import FILLER, PRESS, edited, loaded, problems, warnings

HOUSING = "housing: {by: lot, required: true, uncertainty: 30s, lag: [1s, 20s]}"
REELS = """housing:
      by: lot
      products: ["09506000134352", "09506000134369"]
      open_life: 8h
      use: 0.25
      measure: kg
      quantity: 25
      low: "2.5"
      tolerance: 0
    ecu: {by: serial}"""


def at(component: str, more: str = "") -> str:
    """Return the press with this for its housing."""
    return edited(PRESS, (HOUSING, f"housing: {{{component}}}{more}"))


@pytest.mark.parametrize(
    ("component", "says"),
    [
        (
            "by: lot, use: 0",
            (
                "f:39:29: track.components.housing.use: a unit takes more than nothing; "
                "leave `use` out"
            ),
        ),
        (
            "by: lot, low: 5",
            (
                "f:39:24: track.components.housing.low: without `use` no quantity is counted; "
                "add `use`: what one unit takes"
            ),
        ),
        (
            "by: lot, use: -1",
            (
                "f:39:29: track.components.housing.use: -1 is no amount; write a number such "
                "as 5000 or 0.25"
            ),
        ),
        (
            "by: lot, use: true",
            (
                "f:39:29: track.components.housing.use: true is no amount; write a number such "
                "as 5000 or 0.25"
            ),
        ),
        (
            "by: lot, use: 1e300",
            (
                "f:39:29: track.components.housing.use: 1e+300 is no amount; write a number such "
                "as 5000 or 0.25"
            ),
        ),
        (
            "by: serial, use: 1",
            (
                "f:39:27: track.components.housing.use: a serial component goes into one unit; "
                "this is for what feeds many; remove it, or write by: lot"
            ),
        ),
        (
            "by: lot, product_pattern: '(?=x)'",
            "f:39:41: track.components.housing.product_pattern: at position 2: look-around …",
        ),
        (
            "by: lot, lag: [2s, 1s]",
            (
                "f:39:29: track.components.housing.lag: the shortest time is longer than the "
                "longest; write [min, max]"
            ),
        ),
    ],
)
def test_what_does_not_fit_a_position_is_refused(component: str, says: str) -> None:
    """Each mistake is said where it stands, with the cause and the cure."""
    (said,) = problems(at(component))
    if says.endswith(" …"):
        assert said.startswith(says.partition(": at")[0])
    else:
        assert said == says


def test_counting_judges_no_unit() -> None:
    """Where pieces are counted there is nothing to refuse."""
    text = edited(
        FILLER,
        (
            "  ready: {tag: ready",
            "  components: {caps: {by: lot, unfit: record}}\n  ready: {tag: ready",
        ),
    )
    (said,) = [each for each in problems(text) if "unfit" in each]
    assert said.endswith("`count-only` judges no unit, so there is nothing to refuse; remove it")


def test_a_lot_is_blocked_once() -> None:
    """A second line for the same lot is most likely a slip."""
    (said,) = problems(edited(PRESS, ("  answers:", "  blocked: [L-1, L-2, L-1]\n  answers:")))
    assert said == "f:40:23: track.blocked[2]: is listed already; remove it"


def test_blocks_without_a_position_are_doubted() -> None:
    """A code that blocks, where there is nothing to keep it from, is told of."""
    text = edited(
        PRESS,
        (f"  components:\n    {HOUSING}\n", ""),
        ('  - {match: {gs1: ["01", "10"]}, means: component, position: housing}\n', ""),
        ("scans:\n", "scans:\n  - {match: {regex: 'B-[0-9]+'}, means: block}\n"),
    )
    (said,) = warnings(text)
    assert said == (
        "f:19:41: scans[0].means: nothing is done with block codes here: there is no position to "
        "keep it from; remove the rule"
    )


def test_taking_off_loads_nothing() -> None:
    """A rule that unloads a position is not one that loads it."""
    rule = '  - {match: {gs1: ["01", "10"]}, means: component, position: housing}\n'
    off = "  - {match: {regex: 'OFF'}, means: unload, position: housing}\n"
    (said,) = problems(edited(PRESS, (rule, off)))
    assert said.startswith("f:39:5: track.components.housing: no scan rule loads this position")
    assert problems(edited(PRESS, (rule, rule + off))) == []
    (said,) = problems(edited(PRESS, (rule, rule + off.replace(", position: housing", ""))))
    assert said == "f:22:5: scans[3]: an unload needs a position"


def test_a_position_is_told_back_in_plain_words() -> None:
    """What it receives, what is refused, how it is counted, and what follows when it ends."""
    text = edited(PRESS, (HOUSING, REELS), ("  answers:", "  blocked: [L-1, L-2]\n  answers:"))
    said = [line for line in explained(loaded(text)).splitlines() if "material" in line]
    assert said == [
        "  material   housing: a lot until the next is scanned, recorded as unknown where missing",
        "  material   housing: only 09506000134352, 09506000134369; another one is refused",
        "  material   housing: usable for 8h from its scan; then refused",
        "  material   housing: that time goes on while it is taken off",
        (
            "  material   housing: counted down by 0.25 kg a unit (a load without one holds 25), "
            "warned at 2.5 kg; when no more than 0 kg is left, what follows is possible for an "
            "unknown load"
        ),
        "  material   ecu: one serial a unit, recorded as unknown where missing",
        "  material   ecu: what is in another unit is refused",
        "  material   blocked: L-1, L-2",
    ]
    bare = at("by: lot, product_pattern: 'CAP-[0-9]+', unfit: record, use: 1")
    said = [line for line in explained(loaded(bare)).splitlines() if "material" in line]
    assert said[1:] == [
        (
            "  material   housing: only what matches CAP-[0-9]+; another one is recorded with the "
            "reason"
        ),
        (
            "  material   housing: counted down by 1 a unit; when no more than 0 is left, what "
            "follows is possible for an unknown load"
        ),
    ]


def test_amounts_are_as_they_were_written() -> None:
    """Nothing is rounded on the way from the file."""
    for written, held in (
        ("5000", "5000"),
        ("0.1", "0.1"),
        ("0.000001", "0.000001"),
        ("2.5", "2.5"),
    ):
        (component,) = loaded(at(f"by: lot, use: {written}")).station.components
        assert component.use == held


@pytest.mark.parametrize(
    ("component", "says"),
    [
        (
            "by: lot, until: spliced",
            (
                "f:39:31: track.components.housing.until: a splice needs `splice_pieces`: how many "
                "pieces may be of either load; add splice_pieces: 20, or what was measured"
            ),
        ),
        (
            "by: lot, splice_pieces: 2",
            "f:39:24: track.components.housing.splice_pieces: is for `until: spliced`; remove it",
        ),
        (
            "by: lot, use: 1, plug_flow: 2",
            "f:39:32: track.components.housing.plug_flow: is for `until: emptied`; remove it",
        ),
        (
            "by: lot, until: emptied, plug_flow: 2",
            (
                "f:39:40: track.components.housing.plug_flow: without `use` nobody knows how much "
                "has passed; add `use`: what one unit takes"
            ),
        ),
        (
            "by: lot, until: emptied, use: 1, plug_flow: 0.5",
            (
                "f:39:59: track.components.housing.plug_flow: a lot is not gone before all of it "
                "was used; write 1 or more"
            ),
        ),
        (
            "by: lot, until: used-up",
            (
                "f:39:31: track.components.housing.until: 'used-up' is not in this version; this "
                "version has 'replaced', 'spliced' or 'emptied'"
            ),
        ),
    ],
)
def test_each_way_has_what_it_needs(component: str, says: str) -> None:
    """A splice has its pieces, a vessel its plug flow, and neither has the other's (D-47, D-48)."""
    assert problems(at(component)) == [says]


EMPTY = "  - {match: {regex: 'EMPTY'}, means: emptied, position: housing}\n"


def test_a_vessel_is_told_back_in_plain_words() -> None:
    """What is possible, and when a lot is gone."""
    vessel = edited(
        at("by: lot, until: emptied, use: 1, plug_flow: 1.5, several_lots: '/'"),
        ("scans:\n", f"scans:\n{EMPTY}"),
    )
    said = [line for line in explained(loaded(vessel)).splitlines() if "material" in line]
    assert said[:3] == [
        (
            "  material   housing: every lot since it was last seen empty, recorded as unknown "
            "where missing"
        ),
        "  material   housing: a lot is gone when 1.5 times the contents were used",
        "  material   housing: lots joined by '/' on one label are each possible",
    ]
    splice = explained(loaded(at("by: lot, until: spliced, splice_pieces: 4")))
    assert "4 pieces either side of a splice may be of either lot" in splice


def test_a_vessel_that_nobody_sees_empty_is_doubted() -> None:
    """Its mix grows without end: told, but not refused."""
    (said,) = warnings(at("by: lot, until: emptied"))
    assert said == (
        "f:39:31: track.components.housing.until: no scan rule says that it is empty, so what is "
        "in it is never known; add {match: …, means: emptied, position: housing} to `scans`"
    )


def test_only_a_vessel_is_seen_empty() -> None:
    """Where loads are taken off one by one there is nothing to be seen empty."""
    (said,) = problems(edited(PRESS, ("scans:\n", f"scans:\n{EMPTY}")))
    assert said == (
        "f:19:38: scans[0].means: 'housing' is no vessel: its loads are taken off one by one; "
        "write means: unload, or `until: emptied` at the position"
    )


def test_a_serial_component_is_told_back_in_plain_words() -> None:
    """How many a unit gets, and what becomes of one that is in another unit (D-42)."""
    kit = at("by: serial, pieces: 4, installed: record, required: true")
    said = [line for line in explained(loaded(kit)).splitlines() if "material" in line]
    assert said == [
        "  material   housing: 4 serials a unit, required",
        "  material   housing: what is in another unit is recorded as a conflict",
    ]
    assert loaded(kit).station.components[0].pieces == 4


def test_a_lot_has_no_pieces() -> None:
    """What is for serial components is refused for lots."""
    (said,) = problems(at("by: lot, pieces: 4"))
    assert said == (
        "f:39:24: track.components.housing.pieces: a lot feeds many units; this is for components "
        "with a serial; remove it, or write by: serial"
    )


def test_a_removal_without_serial_components_is_doubted() -> None:
    """Nothing can be taken out where nothing with a serial goes in."""
    rule = "  - {match: {regex: 'OUT[0-9]+'}, means: removed}\n"
    (said,) = warnings(edited(PRESS, ("scans:\n", f"scans:\n{rule}")))
    assert "nothing is done with removed codes here: no position gets a serial component" in said


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            (HOUSING, "housing: {by: lot, until: used-up}"),
            (
                "f:39:31: track.components.housing.until: 'used-up' is not in this version; "
                "this version has …"
            ),
        ),
        (
            ("  answers:", "  states: {}\n  answers:"),
            "f:40:3: track.states: 'states' is not in this version; leave it out",
        ),
    ],
)
def test_what_is_to_come_is_refused_by_name(change: tuple[str, str], says: str) -> None:
    """Nothing that is not built is passed over."""
    (said,) = [each for each in problems(edited(PRESS, change)) if "this version" in each]
    assert said.startswith(says.removesuffix("…"))


def test_a_pause_needs_a_life() -> None:
    """Where no open life is counted none can pause; where one does, it is told so (D-54)."""
    dry = REELS.replace("open_life: 8h", "open_life: 8h\n      open_life_off: pauses")
    said = explained(loaded(edited(PRESS, (HOUSING, dry))))
    assert "housing: that time pauses while it is taken off" in said
    off_only = REELS.replace("open_life: 8h", "open_life_off: pauses")
    (wrong,) = problems(edited(PRESS, (HOUSING, off_only)))
    assert wrong.endswith("without `open_life` no time is counted; add `open_life: 168h`")
