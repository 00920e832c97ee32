"""What a station file can have wrong, and that all of it is said, where it stands (G01, G03)."""

from pathlib import Path
from typing import Any

import pytest

from agent.config.problems import ConfigError
from agent.config.source import parse_source
from tests.unit.config import stations
from tests.unit.config.stations import PRESS, edited, loaded, problems, warnings

_TABLE = Path(__file__).with_name("refusals.yaml")
CASES: dict[str, Any] = parse_source(_TABLE.read_bytes(), "refusals.yaml").data

DOUBTS = {
    "no request": (
        ("    request: request\n", ""),
        [
            "f:11:3: tags.request: is never read; use it under `track`, or remove it",
            (
                "f:27:3: track.end: without `request` a restart may record a unit twice "
                "(repeat_possible); let the PLC count its requests"
            ),
        ],
    ),
    "an output that nothing writes": (
        ("    ready: ready\n", ""),
        ["f:17:3: tags.ready: is never written; use it under `track`, or remove it"],
    ),
    "serials because of volume": (
        ("because: regulated", "because: volume"),
        [
            (
                "f:25:12: track.because: by serial because of volume: serials that nobody needs "
                "are the first mistake; lots may do"
            )
        ],
    ),
    "no key for pseudonyms": (
        (", key: credential:operator-key", ""),
        [
            (
                "f:5:1: operators: no key for pseudonyms: one is made in the state directory; "
                "name one (`key: credential:operator-key`) if stations are to agree on pseudonyms"
            )
        ],
    ),
    "a position that nothing loads": (
        ("  answers:", "    ecu: {by: serial}\n  answers:"),
        [
            (
                "f:40:5: track.components.ecu: no scan rule loads this position; add "
                "{match: …, means: component, position: ecu} to `scans`"
            )
        ],
    ),
    "a measure that nobody sees": (
        ('s=Ok"}', 's=Ok", measure: V}'),
        ["f:14:59: tags.verdict.measure: is kept for recorded `values` only"],
    ),
    "a modulus that is the highest value": (
        ("modulus: 65536", "modulus: 65535"),
        [
            (
                "f:11:64: tags.request.modulus: 65535 is the highest value of 16 bits; "
                "if it counts 0 to 65535, write 65536"
            )
        ],
    ),
    "a device without tags": (
        ("devices:\n", 'devices:\n  idle: {driver: opcua, url: "opc.tcp://127.0.0.1:4899"}\n'),
        ["f:7:3: devices.idle: no tag is on this device; remove it"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_whatever_is_wrong_is_said_where_it_stands(name: str) -> None:
    """Each mistake is refused with file, line, column, key, cause and cure, and nothing besides."""
    case = CASES[name]
    changes = [(change["from"], change["to"]) for change in case["change"]]
    said = problems(edited(getattr(stations, case["text"]), *changes))
    wanted = case["says"]
    assert len(said) == len(wanted)
    for sentence, expected in zip(said, wanted, strict=True):
        if expected.endswith(" …"):
            assert sentence.startswith(expected.removesuffix("…"))
        else:
            assert sentence == expected


@pytest.mark.parametrize("name", CASES)
def test_no_secret_is_repeated(name: str) -> None:
    """What was written in a secret's place stands in no message."""
    case = CASES[name]
    changes = [(change["from"], change["to"]) for change in case["change"]]
    said = " ".join(problems(edited(getattr(stations, case["text"]), *changes)))
    assert "Qw3rty!" not in said
    assert "123456" not in said


@pytest.mark.parametrize("name", DOUBTS)
def test_what_is_doubtful_is_a_warning(name: str) -> None:
    """A doubt is told with its place and refuses nothing."""
    change, says = DOUBTS[name]
    assert warnings(edited(PRESS, change)) == says


def test_lot_of_what_is_regulated_is_doubted() -> None:
    """Tracking by lot what law or risk may want by serial is the second mistake of D-14."""
    text = edited(stations.FILLER, ("by: lot\n", "by: lot\n  because: risk\n"))
    assert warnings(text) == [
        (
            "f:16:12: track.because: by lot although risk: a recall takes in the whole lot; "
            "check that the law or the risk allows lots"
        )
    ]


def test_scanner_without_rules_is_doubted() -> None:
    """A reader whose every code will be refused is told of."""
    scanner = "devices:\n  scanner: {driver: scanner, port: /dev/serial/by-id/x}\n"
    assert warnings(edited(stations.FILLER, ("devices:\n", scanner))) == [
        "f:6:1: devices: no rule says what a code means, so every scan is refused; add `scans`"
    ]


def test_rules_without_scanner_are_doubted() -> None:
    """Rules for codes that nothing can read are told of."""
    rule = "  - {match: {regex: 'OP[0-9]{4}'}, means: operator}\n"
    text = edited(stations.CELL, ("scans:\n", f"scans:\n{rule}"))
    assert warnings(text) == ["f:14:1: scans: no device reads codes; add a scanner, or remove"]


def test_codes_that_nothing_uses_are_doubted() -> None:
    """A rule whose codes this strategy has no use for is told of, with the reason."""
    scanner = "devices:\n  scanner: {driver: scanner, port: /dev/serial/by-id/x}\n"
    rules = """
scans:
  - {match: {regex: 'U[0-9]{4}'}, means: unit}
  - {match: {regex: 'C[0-9]{4}'}, means: cancel}
  - {match: {regex: 'L(?P<lot>[0-9]{4})'}, means: lot}
  - {match: {regex: 'W[0-9]{4}'}, means: order}
  - {match: {regex: 'E[0-9]{4}'}, means: order_end}
track:
"""
    text = edited(stations.FILLER, ("devices:\n", scanner), ("track:\n", rules.lstrip()))
    assert [sentence.split(": ", 2)[2] for sentence in warnings(text)] == [
        "nothing is done with unit codes here: `count-only` counts pieces; remove the rule",
        "nothing is done with cancel codes here: 'count-only' waits for no scan; remove the rule",
        "nothing is done with lot codes here: lots are made with `lot: scan` only; remove the rule",
        "nothing is done with order codes here: the order comes by tag; remove the rule",
        "nothing is done with order_end codes here: the order comes by tag; remove the rule",
    ]


def test_everything_wrong_in_a_file_is_said_at_once() -> None:
    """Mistakes in different parts do not hide each other."""
    text = edited(
        PRESS,
        ("timezone: Europe/Vienna", "timezone: Europe/Wien"),
        ("modulus: 65536", "modulus: 065536"),
        ("window: 20s", "window: 20s, window: 30s"),
        ("means: unit}", "means: unit, colour: red}"),
        ("verdict: verdict", "verdict: verdikt"),
        ("sink: mqtt", "sink: mqt"),
    )
    lines = [int(sentence.split(":")[1]) for sentence in problems(text)]
    assert lines == [4, 11, 11, 22, 26, 32, 42]


def test_error_text_is_all_problems() -> None:
    """The error says what its problems say, a line each."""
    with pytest.raises(ConfigError) as refused:
        loaded(edited(PRESS, ("sink: mqtt", "sink: mqt"), ("driver: opcua", "driver: opc")))
    assert str(refused.value).splitlines() == [str(each) for each in refused.value.problems]
