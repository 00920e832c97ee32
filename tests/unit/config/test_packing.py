"""Levels of packing in a station file: their plan, what is said of them, what is wrong."""

from pathlib import Path

import pytest

from agent.config.explain import explained
from agent.core.levels import Level, Order, ParentBy
from tests.unit.config.stations import PRESS, edited, loaded, problems, warnings

CONFIG = Path(__file__).parents[3] / "config"
RULES = """
  - {match: {regex: 'C-[0-9]+'}, means: child, position: box}
  - {match: {regex: 'BOX-[0-9]+'}, means: parent, position: box}
"""
CYCLE = "\n  - {match: {regex: 'C-[0-9]+'}, means: child, position: box}\n"


def packing(level: str, rules: str = RULES, *changes: tuple[str, str]) -> str:
    """Return the press with a level `box`."""
    text = edited(PRESS, ("scans:\n", f"scans:{rules}"))
    return edited(text, ("track:\n", f"track:\n  packing: {{box: {level}}}\n"), *changes)


def packs(text: str) -> list[str]:
    """Return what is told of packing."""
    lines = explained(loaded(text)).splitlines()
    return [line.split(maxsplit=1)[1] for line in lines if line.startswith("  packs")]


def test_what_is_not_said_has_its_default() -> None:
    """A parent that is read first, takes what comes, and refuses what is elsewhere."""
    assert loaded(PRESS).station.packing == ()
    assert loaded(packing("{}")).station.packing == (Level(name="box"),)


def test_every_key_has_its_place_in_the_plan() -> None:
    """As the core reads it."""
    level = (
        "{count: 6, full: wait, fewer: refuse, more: record, elsewhere: record, products: ['b', "
        "'a'], product_pattern: '[ab]', close: gone}"
    )
    tag = ("scans:\n", '  gone: {device: plc, node: "nsu=urn:a;s=Gone"}\nscans:\n')
    (box,) = loaded(packing(level, RULES, tag)).station.packing
    assert box == Level(
        name="box",
        count=6,
        closes_full=False,
        refuses_fewer=True,
        refuses_more=False,
        refuses_elsewhere=False,
        products=("a", "b"),
        product_pattern="[ab]",
        close_tag="gone",
        close_device="plc",
    )
    text = packing("{order: children-first, parent: cycle}", CYCLE)
    (box,) = loaded(text).station.packing
    assert (box.order, box.parent) == (Order.CHILDREN_FIRST, ParentBy.CYCLE)


EXAMPLES = {
    "packing": [
        "carton: 6 children, read after the code of their parent",
        "carton: closed by the last child or its end code or the next parent",
        "carton: fewer are recorded; more are refused",
        "carton: what is in another parent is refused",
        "carton: only 09506000134352; another one is refused",
        "carton: goes into pallet when it is closed",
        "pallet: 40 children, read after the code of their parent",
        "pallet: closed by the last child or its end code or the next parent",
        "pallet: fewer are recorded; more are refused",
        "pallet: what is in another parent is refused",
        "after an unpack code the next child comes out, or the next parent is dissolved",
    ],
    "case-packer": [
        "pack: 4 children, read before the cycle of their parent",
        "pack: fewer are answer 6; more are refused",
        "pack: what is in another parent is refused",
        "after an unpack code the next child comes out, or the next parent is dissolved",
    ],
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_told_in_plain_words(name: str) -> None:
    """What goes into what, when it is closed, and what becomes of what does not fit."""
    assert packs((CONFIG / f"{name}.example.yaml").read_text(encoding="utf-8")) == EXAMPLES[name]


def test_a_bench_that_only_packs_needs_no_units() -> None:
    """And nothing is told of units that it does not bind."""
    text = (CONFIG / "packing.example.yaml").read_text(encoding="utf-8")
    told = explained(loaded(text))
    assert "a scan of a unit" not in told
    assert "recorded as unbound" not in told
    assert warnings(text) == []


def test_every_other_choice_is_told_too() -> None:
    """In the words of the station file's author."""
    tag = ("scans:\n", '  gone: {device: plc, node: "nsu=urn:a;s=Gone"}\nscans:\n')
    level = "{close: gone, product_pattern: 'A.*', elsewhere: record}"
    assert packs(packing(level, RULES, tag)) == [
        "box: children, read after the code of their parent",
        "box: closed by the rise of 'gone' or the next parent",
        "box: what is in another parent is recorded as a conflict",
        "box: only what matches A.*; another one is refused",
    ]


NOT_OPEN = (
    "the parent's code closes it: nothing is open before; remove it, or use order: parent-first"
)
SLIPS = {
    "a policy without a number": (
        packing("{fewer: refuse}"),
        "f:26:19: track.packing.box.fewer: without `count` no number is expected; add `count`",
    ),
    "what is never open": (
        packing("{order: children-first, count: 2, full: wait}"),
        f"f:26:52: track.packing.box.full: {NOT_OPEN}",
    ),
    "a tag for what is never open": (
        packing("{order: children-first, close: verdict}"),
        f"f:26:42: track.packing.box.close: {NOT_OPEN}",
    ),
    "no begin": (
        packing("{parent: cycle}", CYCLE),
        (
            "f:25:27: track.packing.box.parent: with `parent-first` the handshake `begin` opens "
            "the parent, and there is none; add `begin`, or use order: children-first"
        ),
    ),
    "a pattern that guesses": (
        packing("{product_pattern: '(a|a)*'}"),
        "f:26:36: track.packing.box.product_pattern: '(a|a)*' matches the empty code",
    ),
    "a level that there is not": (
        packing("{into: pallet}"),
        "f:26:25: track.packing.box.into: no level 'pallet'; known: box",
    ),
    "round": (
        packing("{into: box}"),
        (
            "f:26:25: track.packing.box.into: goes into itself: box into box; end the way at the "
            "last level"
        ),
    ),
    "no child": (
        packing("{}", "\n  - {match: {regex: 'BOX-[0-9]+'}, means: parent, position: box}\n"),
        (
            "f:25:13: track.packing.box: no scan rule says what goes into it; add "
            "{match: …, means: child, position: box} to `scans`"
        ),
    ),
    "no parent": (
        packing("{}", CYCLE),
        (
            "f:25:13: track.packing.box: no scan rule says which codes are its parents; add "
            "{match: …, means: parent, position: box} to `scans`"
        ),
    ),
    "a rule of no level": (
        packing("{}", f"{RULES}  - {{match: {{regex: END}}, means: parent_end, position: bx}}\n"),
        "f:21:56: scans[2].position: no level 'bx'; did you mean 'box'?",
    ),
    "an end of what its parent closes": (
        packing(
            "{order: children-first}",
            f"{RULES}  - {{match: {{regex: END}}, means: parent_end, position: box}}\n",
        ),
        "f:21:34: scans[2].means: the parent's code closes 'box'; remove the rule",
    ),
    "a parent's code of what a cycle opens": (
        packing("{order: children-first, parent: cycle}"),
        "f:20:43: scans[1].means: the cycle opens and closes 'box'; remove the rule",
    ),
    "a child without a level": (
        packing("{}", f"{RULES}  - {{match: {{regex: 'X[0-9]'}}, means: child}}\n"),
        "f:21:5: scans[2]: a child needs a position",
    ),
}


@pytest.mark.parametrize("name", SLIPS)
def test_a_level_that_cannot_work_is_refused(name: str) -> None:
    """Where it stands, and what to do."""
    text, says = SLIPS[name]
    (found,) = problems(text)
    assert found == says


def test_a_cycle_of_several_units_is_no_parent() -> None:
    """And what the cycle closes, nothing else does."""
    text = (CONFIG / "multi-cavity-moulding.example.yaml").read_text(encoding="utf-8")
    text = edited(
        text,
        ("scans:\n", f"scans:{CYCLE}"),
        ("track:\n", "track:\n  packing: {box: {order: children-first, parent: cycle}}\n"),
    )
    assert any("a cycle of 'multi-cavity' is not of one unit" in found for found in problems(text))
    text = packing("{parent: cycle, count: 2, full: wait, close: verdict}", CYCLE)
    found = [problem.split(": ", 1)[1] for problem in problems(text)]
    assert "track.packing.box.full: the cycle closes the parent; remove it" in found
    assert "track.packing.box.close: the cycle closes the parent; remove it" in found


def test_codes_of_packing_without_packing_are_doubted() -> None:
    """A rule of a child has no level to go to; a word has nothing to take out of."""
    text = edited(PRESS, ("scans:\n", f"scans:{RULES}"))
    assert all("no level 'box'" in problem for problem in problems(text))
    text = edited(PRESS, ("scans:\n", "scans:\n  - {match: {regex: UNPACK}, means: unpack}\n"))
    assert any("nothing is packed" in warning for warning in warnings(text))
