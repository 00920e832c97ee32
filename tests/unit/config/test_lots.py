"""What is said of product lots and sub-lots: every mistake with its place, all else in words."""

import pytest

from agent.config.explain import explained
from agent.core.lot_plan import Lots, Sublots
from tests.unit.config.stations import FILLER, PRESS, edited, loaded, problems, warnings

SCANNER = "devices:\n  scanner: {driver: scanner, port: /dev/serial/by-id/one}\n"
BY_SCAN = edited(
    FILLER,
    ("devices:\n", SCANNER),
    ("  lot: {device: plc, table: holding, address: 2, type: string, length: 20}\n", ""),
    ("lot: {tag: lot}", "lot: scan"),
    ("track:\n", "scans:\n  - {match: {regex: 'L-[0-9]+'}, means: lot}\ntrack:\n"),
)


def filler(more: str, *rules: str) -> str:
    """Return the filler whose lot is scanned, with more keys and rules."""
    listed = "".join(f"  - {{match: {{regex: '{rule}}}\n" for rule in rules)
    return edited(
        BY_SCAN,
        ("  counter:", f"  {more}\n  counter:"),
        ("track:\n", f"{listed}track:\n"),
    )


@pytest.mark.parametrize(
    ("every", "plan"),
    [
        ("500", Sublots(every_n=500)),
        ("30min", Sublots(every_ms=1_800_000)),
        ("1.5s", Sublots(every_ms=1_500)),
    ],
)
def test_a_lot_is_cut_as_the_file_says(every: str, plan: Sublots) -> None:
    """Pieces without a unit, a time with one."""
    station = loaded(filler(f"sublots: {{every: {every}}}")).station
    assert station.lots == Lots(sublots=plan)


def test_the_file_says_how_lots_are_kept() -> None:
    """Measure, tolerance, what becomes of what does not fit, how long a pick waits."""
    text = filler(
        "lots: {measure: kg, tolerance: 0.5, mismatch: refuse, merge: blend, pick_within: 1min}",
        "P-[0-9]+'}, means: lot_pick",
        "M-[0-9]+'}, means: lot_merge",
    )
    assert loaded(text).station.lots == Lots(
        measure="kg", tolerance="0.5", blends=True, refuse_mismatch=True, pick_within_ms=60_000
    )
    assert "what lots were merged into: made of each of them" in explained(loaded(text))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            filler("sublots: {every: 0}"),
            "f:19:20: track.sublots.every: 0 is no number of pieces; write 1 or more",
        ),
        (
            filler("sublots: {every: true}"),
            (
                "f:19:20: track.sublots.every: true is none of the three; write pieces (500), "
                "a time (30min) or carrier"
            ),
        ),
        (
            filler("sublots: {every: soon}"),
            (
                "f:19:20: track.sublots.every: 'soon' is none of the three; write pieces (500), "
                "a time (30min) or carrier"
            ),
        ),
        (
            filler("sublots: {every: 200ms}"),
            (
                "f:19:20: track.sublots.every: '200ms' is shorter than a row of counts; "
                "write 1s or more"
            ),
        ),
        (
            filler("sublots: {every: carrier}"),
            (
                "f:19:20: track.sublots.every: no rule says which codes are carriers; "
                "add {match: …, means: carrier} to `scans`"
            ),
        ),
        (
            filler("lots: {pick_within: 1min}"),
            "f:19:10: track.lots.pick_within: no rule picks a lot; remove it",
        ),
        (
            filler("lots: {tolerance: -1}"),
            ("f:19:21: track.lots.tolerance: -1 is no amount; write a number such as 5000 or 0.25"),
        ),
        (
            filler("lots: {measure: pcs}", "S-[0-9]+'}, means: lot_split"),
            (
                "f:16:41: scans[1].means: nothing says which lot a lot_split is about; add "
                "{match: …, means: lot_pick} to `scans`, or a group `parent` to the pattern"
            ),
        ),
        (
            filler("lots: {measure: pcs}", "(?P<parent>S)-(?P<id>[0-9]+)'}, means: lot_merge"),
            (
                "f:16:61: scans[1].means: nothing says which lot a lot_merge is about; add "
                "{match: …, means: lot_pick} to `scans`"
            ),
        ),
        (
            edited(PRESS, ("  answers:", "  sublots: {every: 500}\n  answers:")),
            ("f:40:3: track.sublots: only `count-only` counts to a lot that can be cut; remove it"),
        ),
    ],
)
def test_what_does_not_fit_is_refused_where_it_stands(text: str, says: str) -> None:
    """With file, line, column, the value, and what to do."""
    assert problems(text) == [says]


def test_a_code_that_names_both_lots_needs_no_pick() -> None:
    """A group `parent` says what is split or relabelled."""
    text = filler(
        "lots: {measure: pcs}",
        "(?P<parent>L-[0-9]+)>(?P<id>L-[0-9]+)'}, means: lot_split",
        "(?P<parent>L-[0-9]+)=(?P<id>L-[0-9]+)'}, means: lot_relabel",
    )
    assert warnings(text) == []


def test_a_pick_that_nothing_follows_is_doubted() -> None:
    """Most likely a rule was forgotten."""
    text = filler("lots: {measure: pcs}", "P-[0-9]+'}, means: lot_pick")
    assert warnings(text) == [
        (
            "f:16:41: scans[1].means: nothing is done with picked lots; "
            "add a rule that means lot_split, lot_merge or lot_relabel"
        )
    ]


def test_what_takes_back_a_pick_is_of_use() -> None:
    """A station that waits for no unit may still have picks to cancel."""
    picks = ("P-[0-9]+'}, means: lot_pick", "M-[0-9]+'}, means: lot_merge")
    assert warnings(filler("lots: {measure: pcs}", *picks, "CANCEL'}, means: cancel")) == []


def test_a_sublot_that_is_full_at_once_is_doubted() -> None:
    """More events than pieces are worth: serial tracking would say more."""
    assert warnings(filler("sublots: {every: 5}")) == [
        (
            "f:19:20: track.sublots.every: at the fastest rate a sub-lot is full in 500ms, "
            "and each costs three events; cut less often, or track by serial"
        )
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            filler("sublots: {every: 500}"),
            ["cut after every 500 pieces: LOT/0001, LOT/0002 and so on"],
        ),
        (
            filler("sublots: {every: 30min}"),
            ["cut 30min after the first piece: LOT/0001, LOT/0002 and so on"],
        ),
        (
            filler("sublots: {every: carrier}", "BOX-[0-9]+'}, means: carrier"),
            [
                "cut at each carrier that is scanned: LOT/CARRIER",
                "pieces about the scan of a carrier: possible for both, certain for the lot",
            ],
        ),
        (
            filler(
                "lots: {tolerance: 2, mismatch: refuse}",
                "P-[0-9]+'}, means: lot_pick",
                "M-[0-9]+'}, means: lot_merge",
            ),
            [
                "by scan: pick, merge; checked against what is known of the lot",
                "a quantity that is more than 2 off: refused",
                "what lots were merged into: possible for each of them",
                "a picked lot waits 5min for what is done to it, and over no restart",
            ],
        ),
        (
            filler("lots: {measure: pcs}", "I-[0-9]+'}, means: lot_issue"),
            [
                "by scan: issue; checked against what is known of the lot",
                "a quantity that is not exactly right: recorded with a quantity_mismatch",
            ],
        ),
    ],
)
def test_it_is_told_in_plain_words(text: str, told: list[str]) -> None:
    """What will be cut, what is checked, what happens when it does not fit."""
    said = explained(loaded(text)).splitlines()
    assert [line[13:] for line in said if line.startswith("  lots ")] == told
