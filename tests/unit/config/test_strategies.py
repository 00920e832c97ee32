"""Each strategy's example: what it is explained as, and what would be refused in it (D-23)."""

import re
from pathlib import Path

import pytest

from agent.app.registries import registries
from agent.config.explain import explained
from agent.config.load import load_folder
from agent.config.strategies import SHAPES
from agent.core.station import Policy, Strategy
from agent.core.strategies import ENTRIES
from tests.unit.config.stations import edited, loaded, problems, warnings

PLACE = re.compile(r"f:\d+:\d+: ")
CONFIG = Path(__file__).parents[3] / "config"


def example(name: str) -> str:
    """Return the text of an annotated example."""
    return (CONFIG / f"{name}.example.yaml").read_text(encoding="utf-8")


def told(name: str, word: str) -> list[str]:
    """Return what the summary of an example says under a word."""
    lines = explained(loaded(example(name))).splitlines()
    return [line[13:] for line in lines if line[2:12].strip() == word]


def test_every_strategy_has_its_entry_and_its_shape() -> None:
    """What can be named in a station file is built, and what it needs is checked (D-23)."""
    assert set(ENTRIES) == set(SHAPES) == set(Strategy)


EXPLAINED = {
    "cycle-then-scan": {
        "binds": [
            (
                "end: when plc raises 'trigger', the first scan within 2s after it and power, "
                "result by 'verdict'; then 'result', then 'ack'"
            ),
            "a step of 'counter' without a cycle is recorded as missed",
        ],
        "if not": [
            "no scan, two, or a cycle before without a record: recorded as unbound, answer 8",
            "another code after the answer: the record is corrected to either of the two",
            "a code that no rule takes: answer 4",
            "a unit that was here before: refused, answer 3",
            "a unit that a person has scrapped: refused, answer 6",
            "nothing on disk within 5s: answer 7 (end)",
            "nothing can be recorded: 'ready' goes off",
        ],
    },
    "pallet-line": {
        "binds": [
            "a carrier read by load_reader and the unit read after it within 8s",
            "until unload_reader reads the carrier or the unit",
            (
                "begin: when plc raises 'ask', the unit on the carrier in 'pallet'; "
                "then 'ask_result', then 'ask_ack'"
            ),
            (
                "end: when plc raises 'store', the unit on the carrier in 'pallet' and energy, "
                "result by 'ok'; then 'store_result', then 'store_ack'"
            ),
        ],
        "if not": [
            (
                "no carrier or two, an empty one, one loaded twice or changed during the cycle: "
                "recorded as unbound, answer 8"
            ),
            "loaded before a restart, or a reader was away: recorded as possible",
            "a code that no rule takes: answer 4",
            "a unit that was here before: refused, answer 3",
            "a unit that a person has scrapped: refused, answer 6",
            "nothing on disk within 2s: answer 7 (begin)",
            "nothing on disk within 2s: answer 7 (end)",
            "nothing can be recorded: 'ready' goes off",
        ],
    },
    "multi-cavity-moulding": {
        "binds": [
            (
                "end: when plc raises 'trigger', a unit for each cavity: left by the code in "
                "'left_code', right by the code in 'right_code' and pressure; then 'result', "
                "then 'ack'"
            ),
            "a step of 'shots' without a cycle is recorded as missed",
        ],
        "if not": [
            "a cavity without a code, or with two: that one is recorded as unbound, answer 8",
            "the answer is that of the worst cavity; each has a record of its own",
            "a code that no rule takes: answer 4",
            "a unit that was here before: refused, answer 3",
            "a unit that a person has scrapped: refused, answer 6",
            "nothing on disk within 2s: answer 7 (end)",
            "nothing can be recorded: 'ready' goes off",
        ],
    },
    "fifo-line": {
        "binds": [
            (
                "end: when plc raises 'trigger', the part that tunnel read first of the 1 to 12 "
                "inside and weight, result by 'ok'; then 'result', then 'ack'"
            )
        ],
        "if not": [
            "a part that was not read: rejected before the station",
            "more or fewer parts, or another one than expected: recorded as unbound, answer 8",
            "and what was bound since the order was last proven is corrected",
            (
                "order not known, as after a restart: recorded as unbound, answer 8, until hand "
                "reads a part of it or 'line_clear' is true or 'inside' agrees, unless parts were "
                "mixed up"
            ),
            "a code that no rule takes: answer 4",
            "a unit that was here before: refused, answer 3",
            "a unit that a person has scrapped: refused, answer 6",
            "nothing on disk within 2s: answer 7 (end)",
            "nothing can be recorded: 'ready' goes off",
        ],
    },
    "manual-bench": {
        "binds": [
            "end: a scan of a unit that no other follows within 800ms (waiting 200ms more)",
            "what was scanned for a position goes into the unit that is scanned after it",
            "a unit without operator is refused",
            "a unit without inspector is recorded as lacking it",
            "a unit without order is refused",
        ],
        "people": [
            "badges as pseudonyms",
            "up to 3 at once; each badge signs its own person on and off",
            "inspector: badge numbers that begin with 9",
            "a unit names everybody who was signed on during its cycle; else nobody",
        ],
        "orders": [
            "named by scan, or by a command",
            "good units count to the quantity; one that is started again goes on",
            "quantity reached: further units are refused, the reader is told bad",
            "a unit of another product than the order's: refused, the reader is told bad",
        ],
        "if not": [
            "a code that no rule takes: the reader is told bad",
            "nothing can be recorded: the reader is told nothing",
            "two codes within 800ms: recorded as unbound, the reader is told bad",
            "a unit that was here before: recorded as another visit",
            "a unit that a person has scrapped: refused, the reader is told bad",
        ],
    },
}


@pytest.mark.parametrize("name", EXPLAINED)
def test_example_is_told_in_plain_words(name: str) -> None:
    """What is bound to what, when, and what happens when it cannot be."""
    assert {word: told(name, word) for word in EXPLAINED[name]} == EXPLAINED[name]


OWN = "give each handshake outputs of its own"
ONLY = "only strategy `carrier` has carriers"
REFUSED = {
    "the answer is due before the scan": (
        "cycle-then-scan",
        ("answer_within: 5s", "answer_within: 2s"),
        [
            (
                "track.end.answer_within: the scan may come, and be looked up, until 2700ms; "
                "more than 2700ms, and less than the PLC's own time-out"
            )
        ],
    ),
    "the answer is due before the scan, unsaid": (
        "cycle-then-scan",
        ("    window: 2s\n", "    window: 20s\n"),
        [
            (
                "track.end.answer_within: the scan may come, and be looked up, until 20700ms; "
                "more than 20700ms, and less than the PLC's own time-out"
            )
        ],
    ),
    "the scan is asked for before": (
        "cycle-then-scan",
        (
            "  end:\n    trigger",
            "  begin: {trigger: power, result: result, ack: ack}\n  end:\n    trigger",
        ),
        [
            (
                "track.begin: `cycle-then-scan` knows its unit only when the machine has worked; "
                "remove it, or choose another strategy"
            ),
            f"track.end.result: 'result' is the result of `begin` already; {OWN}",
            f"track.end.ack: 'ack' is the ack of `begin` already; {OWN}",
        ],
    ),
    "no point to load at": (
        "pallet-line",
        ("    load: load_reader\n    unload: unload_reader\n", ""),
        [
            (
                "track.pair.load: `carrier` needs the readers where a carrier and its unit come "
                "together; name one or more"
            ),
            "track.pair.unload: `carrier` needs the readers where they part; name one or more",
        ],
    ),
    "points that read nothing": (
        "pallet-line",
        ("unload: unload_reader\n", "unload: [load_reader, plc, unlod_reader]\n"),
        [
            (
                "track.pair.unload[0]: 'load_reader' is at the load point already; "
                "one reader, one point"
            ),
            "track.pair.unload[1]: 'plc' reads no codes; name a scanner",
            "track.pair.unload[2]: no device 'unlod_reader'; did you mean 'unload_reader'?",
        ],
    ),
    "a point that has nothing like it": (
        "pallet-line",
        ("unload: unload_reader\n", "unload: x\n"),
        ["track.pair.unload[0]: no device 'x'; known: load_reader, plc, unload_reader"],
    ),
    "a carrier has no rule": (
        "pallet-line",
        ("  - {match: {regex: 'P[0-9]{3}'}, means: carrier}\n", ""),
        ["scans: no rule says which codes are carriers; add {match: …, means: carrier}"],
    ),
    "only carriers are loaded": (
        "pallet-line",
        ("strategy: carrier", "strategy: scan-then-cycle"),
        [
            f"track.pair.load: {ONLY}; remove it",
            f"track.pair.unload: {ONLY}; remove it",
            f"track.begin.carrier: {ONLY}; remove it",
            f"track.end.carrier: {ONLY}; remove it",
        ],
    ),
    "a cavity alone": (
        "multi-cavity-moulding",
        ("      right: {tag: right_code, verdict: right_ok}\n", ""),
        [
            (
                "track.pair.cavities: `multi-cavity` needs its cavities, two or more; "
                "add {NAME: {tag: …}}, {reader: …} or {mark: …} for each"
            )
        ],
    ),
    "a cavity without a source, and one with two": (
        "multi-cavity-moulding",
        (
            "      right: {tag: right_code, verdict: right_ok}\n",
            "      right: {}\n      top: {tag: right_code, mark: '1'}\n",
        ),
        [
            ("track.pair.cavities.right: no source is given; give one of tag, reader, mark"),
            (
                "track.pair.cavities.top: tag and mark stand side by side; "
                "give one of tag, reader, mark"
            ),
        ],
    ),
    "two cavities of one code": (
        "multi-cavity-moulding",
        ("right: {tag: right_code", "right: {tag: left_code"),
        [
            (
                "track.pair.cavities.right.tag: 'left_code' is the tag of 'left' already; "
                "one cavity, one source"
            )
        ],
    ),
    "a serial component in a mould": (
        "multi-cavity-moulding",
        ("{by: lot, required: true, lag: [5min, 25min]}", "{by: serial, required: true}"),
        [
            (
                "track.components.granulate.by: nobody can tell which cavity a serial component "
                "goes into; track it by lot"
            )
        ],
    ),
    "a mould waits for scans": (
        "multi-cavity-moulding",
        ("    strategy: multi-cavity\n", "    strategy: multi-cavity\n    window: 3s\n"),
        ["track.pair.window: 'multi-cavity' waits for no scan; remove it"],
    ),
    "a mould has one code": (
        "multi-cavity-moulding",
        ("    guard: shots\n", "    guard: shots\n    unit: left_code\n"),
        ["track.end.unit: each cavity has its own code; remove it, or use strategy: tag"],
    ),
    "only moulds have cavities": (
        "multi-cavity-moulding",
        ("strategy: multi-cavity", "strategy: scan-then-cycle"),
        ["track.pair.cavities: only strategy `multi-cavity` has cavities; remove it"],
    ),
    "a queue of nothing": (
        "fifo-line",
        ("    entry: tunnel\n", ""),
        ["track.pair.entry: `fifo` needs the reader that every part passes"],
    ),
    "a queue of any length": (
        "fifo-line",
        ("    length: [1, 12]\n", ""),
        ["track.pair.length: `fifo` needs the fewest and the most parts: [2, 6]"],
    ),
    "a queue that is too short": (
        "fifo-line",
        ("    length: [1, 12]\n", "    length: [12, 1]\n"),
        [("track.pair.length: the fewest are more than the most; write [fewest, most]")],
    ),
    "two points at one reader": (
        "fifo-line",
        ("    sync: hand\n", "    sync: tunnel\n"),
        ["track.pair.sync: 'tunnel' is the entry already; one reader, one point"],
    ),
    "only queues have a length": (
        "fifo-line",
        ("strategy: fifo", "strategy: scan-then-cycle"),
        [
            f"track.pair.{key}: only strategy `fifo` has a queue; remove it"
            for key in ("entry", "length", "unread", "sync", "inside", "clear")
        ],
    ),
    "the handshake is missing": (
        "manual-bench",
        ("    strategy: scan-only\n", "    strategy: cycle-then-scan\n"),
        [
            (
                "track: 'cycle-then-scan' needs the handshake `end`; "
                "add `end: {trigger: …, result: …, ack: …}`"
            )
        ],
    ),
    "a bench counts": (
        "manual-bench",
        ("  duplicates: record\n", "  duplicates: record\n  answers: {duplicate: 9}\n"),
        [("track.answers: no PLC takes part in `scan-only`, so none reads an answer; remove it")],
    ),
    "a bench waits for what is late": (
        "manual-bench",
        ("    settle: 200ms\n", "    settle: 200ms\n    late: 1s\n"),
        ["track.pair.late: 'scan-only' has no use for `late`; remove it"],
    ),
    "a bench has a handshake": (
        "manual-bench",
        (
            "  duplicates: record\n",
            "  end: {trigger: a, result: b, ack: c}\n  duplicates: record\n",
        ),
        [
            (
                "track.end: `scan-only` has no handshake: the scan is the cycle; "
                "remove it, or choose another strategy"
            ),
            "track.end.trigger: no tag 'a'; declare it under `tags`",
            "track.end.result: no tag 'b'; declare it under `tags`",
            "track.end.ack: no tag 'c'; declare it under `tags`",
        ],
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_strategy_cannot_use_or_lacks_is_refused(name: str) -> None:
    """With line and column, key, cause and cure, and nothing besides."""
    base, change, says = REFUSED[name]
    said = problems(edited(example(base), change))
    assert [PLACE.sub("", sentence, count=1) for sentence in said] == says


def test_carrier_may_be_scanned_at_the_machine() -> None:
    """Without its tag the carrier is scanned, as a unit would be; a code of none has no use."""
    text = example("pallet-line").replace("    carrier: pallet\n", "")
    found = loaded(text)
    assert [handshake.unit for handshake in found.station.handshakes] == [None, None]
    assert "the unit on the carrier of the one scan of the last 8s" in explained(found)
    bench = edited(
        example("manual-bench"),
        ("means: cancel}", "means: cancel}\n  - {match: {regex: 'P1'}, means: carrier}"),
    )
    assert "nothing is done with carrier codes here" in str(loaded(bench).warnings[0])


def test_queue_needs_a_proof_of_its_order() -> None:
    """Without one the order would never be known again after the first restart (D-27)."""
    text = example("fifo-line")
    for key in ("    sync: hand\n", "    inside: inside\n", "    clear: line_clear\n"):
        text = edited(text, (key, ""))
    (said,) = problems(text)
    assert PLACE.sub("", said) == (
        "track.pair: nothing would prove the order anew after a restart or a part that was taken "
        "off; add `sync`, `inside` or `clear`"
    )


def test_queue_without_a_gate_is_told_so() -> None:
    """A part that was not read comes to the station; each proof is named."""
    text = edited(
        example("fifo-line"),
        ("    unread: rejected\n", "    unread: enters\n"),
        ("    sync: hand\n", ""),
        ("    clear: line_clear\n", ""),
        ("    inside: inside\n", "    inside: inside\n"),
    )
    told_so = explained(loaded(text))
    assert "a part that was not read: recorded as unbound, answer 8" in told_so
    assert "until 'inside' agrees, unless parts were mixed up" in told_so
    text = edited(text, ("    inside: inside\n", "    sync: hand\n"))
    assert "until hand reads a part of it\n" in explained(loaded(text))


def test_cavity_is_on_the_device_of_its_handshake() -> None:
    """Its tag is read in one snapshot with the trigger."""
    elsewhere = edited(
        example("multi-cavity-moulding"),
        (
            "  scanner:\n",
            (
                "  vision: {driver: opcua, url: 'opc.tcp://10.0.8.13', security: {policy: None}}\n"
                "  scanner:\n"
            ),
        ),
        ("  right_ok: {device: plc", "  right_ok: {device: vision"),
    )
    (said,) = problems(elsewhere)
    assert PLACE.sub("", said) == (
        "track.pair.cavities.right.verdict: 'right_ok' is on vision, the trigger on plc; "
        "all tags of a handshake are on one device"
    )


def test_cavities_may_be_read_by_scan() -> None:
    """By a reader of its own, or by what its code says; then the window counts."""
    by_reader = edited(
        example("multi-cavity-moulding"),
        ("left: {tag: left_code,", "left: {reader: scanner,"),
        ("right: {tag: right_code,", "right: {mark: '2',"),
        ("    strategy: multi-cavity\n", "    strategy: multi-cavity\n    window: 3s\n"),
    )
    (end,) = loaded(by_reader).station.handshakes
    assert [(each.reader, each.mark) for each in end.cavities] == [("scanner", None), (None, "2")]
    assert "left by what scanner scans, right by codes marked 2" in explained(loaded(by_reader))


def test_window_that_is_not_said_is_the_strategys_own() -> None:
    """A bench waits a second for a second code, a handshake half a minute for its scan."""
    bench = loaded(edited(example("manual-bench"), ("    window: 800ms\n", ""))).station
    assert bench.pairing.window_ms == 1_000
    assert loaded(example("manual-bench")).station.pairing.window_ms == 800
    strict = loaded(edited(example("manual-bench"), ("  duplicates: record\n", "")))
    assert "was here before: refused, the reader is told bad" in explained(strict)
    tester = loaded(
        edited(example("manual-bench"), ("  duplicates: record\n", "  duplicates: retest\n"))
    )
    assert (tester.station.duplicates, tester.station.retests) == (Policy.REFUSE, True)
    assert "that was NOK here comes again: recorded as another visit" in explained(tester)
    assert "that was OK here comes again: refused, the reader is told bad" in explained(tester)


def test_end_takes_what_begin_let_in() -> None:
    """With two handshakes the scan is for the first; the second is told by the first."""
    (screw,) = [
        config
        for config in load_folder(CONFIG / "assembly-line", registries()).stations
        if config.station.machine == "screw-2"
    ]
    begin, end = [line for line in explained(screw).splitlines() if "raises" in line]
    assert "the one scan of the last 1min" in begin
    assert "the unit that `begin` let in and torque" in end


def test_a_file_that_is_read_alone_knows_no_neighbour() -> None:
    """It is not said that the folder lacks what it has: the folder was not given (D-38)."""
    file = CONFIG / "assembly-line" / "screw-2.yaml"
    (problem,) = load_folder(file, registries()).refused[str(file)].problems
    assert str(problem).endswith(
        "no station 'acme/graz/assembly/line-6/press-1' in this file, which is read alone: what "
        "passed there cannot be known; give the folder that has both files"
    )


def test_a_station_with_neighbours_can_be_looked_at_alone() -> None:
    """Who reads its events or gives it a command names its file, and starts nothing (D-38)."""
    file = CONFIG / "assembly-line" / "screw-2.yaml"
    found = load_folder(file, registries(), is_run=False)
    assert [config.station.machine for config in found.stations] == ["screw-2"]
    assert found.refused == {}


LATE = "    late: 500ms"
TRAILS = (
    "track.pair.late: {late} reach into the next cycle, which can begin {cycle} after this one by "
    "`{key}`: after a refused cycle the next part's scan would expire as this one's; "
    "less than the pause between two parts; 0 where scans do not trail"
)


@pytest.mark.parametrize(
    ("late", "oee", "told"),
    [
        ("2999ms", "", ()),
        ("0s", "", ()),
        ("3s", "", ("3s", "3s", "track.counter.fastest")),
        ("1s", "oee: {ideal_cycle: 900ms}", ("1s", "900ms", "oee.ideal_cycle")),
        ("1s", "oee: {ideal_cycle: 2s}", ()),
        (
            "4s",
            "oee: {ideal_cycle: 2s, ideal_cycles: {A: 5s, B: 1500ms}}",
            ("4s", "1500ms", "oee.ideal_cycles.B"),
        ),
    ],
)
def test_what_trails_is_over_before_the_next_part(
    late: str, oee: str, told: tuple[str, ...]
) -> None:
    """A `late` as long as the shortest cycle declared is doubted, at its line (D-24)."""
    text = edited(example("cycle-then-scan"), (LATE, f"    late: {late}"))
    line = 1 + text[: text.index("    late: ")].count("\n")
    said = [each for each in warnings(f"{text}\n{oee}\n") if "track.pair.late" in each]
    found = dict(zip(("late", "cycle", "key"), told, strict=False))
    assert said == ([f"f:{line}:11: {TRAILS.format(**found)}"] if told else [])


def test_several_pieces_of_a_cycle_take_its_time_together() -> None:
    """A planned run time is of a piece: a cycle of several cavities takes as many (ISO 22400)."""
    text = example("multi-cavity-moulding")
    n = len(loaded(text).station.handshakes[0].cavities)
    late = edited(
        text,
        ("  counter: {tag: shots, fastest: 8s}\n", ""),
        ("  pair:\n", f"  pair:\n    late: {n}s\n"),
        ("left: {tag: left_code, ", "left: {reader: eye, "),
        ("devices:\n", "devices:\n  eye: {driver: scanner, port: /dev/serial/by-id/eye}\n"),
    )
    said = [each for each in warnings(f"{late}\noee: {{ideal_cycle: 1s}}\n") if "late" in each]
    assert len(said) == 1
    assert f"which can begin {n}s after this one by `oee.ideal_cycle`" in said[0]
