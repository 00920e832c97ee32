"""What is fuzzed, and the laws that every input must keep: one function a target.

Each makes one input from a source of chance and returns in a word what became of it. A law that is
broken raises AssertionError; any other exception than the declared refusals is a broken law too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random

from agent.app.commanding import LONGEST_VALUE, MOST_VALUES, RequestError, parse_request
from agent.app.conceal import concealer
from agent.app.registries import registries
from agent.config.load import load_source
from agent.config.loaded import OperatorsConfig
from agent.config.problems import ConfigError
from agent.config.source import parse_source
from agent.core.identity.codes import parse
from agent.core.identity.digital_link import canonical, parse_link
from agent.core.identity.reading import (
    Assume,
    CodeError,
    Envelope,
    Form,
    Profile,
    Reading,
    Reason,
)
from agent.core.identity.rules import (
    DataMatch,
    Gs1Match,
    Identified,
    Means,
    NoRead,
    RegexMatch,
    ScanRule,
    judge,
)
from agent.core.station import By, Pairing, Station, Strategy
from drivers.base import ClockState, CodeScanned, Instant
from drivers.framing import Frame, Framer, FramingOptions, Mode, Terminator
from tests.fuzz import inputs, outside
from tests.fuzz.inputs import TODAY

ROOT = Path(__file__).parents[2]
NO_READS = frozenset({b"NOREAD"})
RULES = (
    ScanRule(match=RegexMatch(pattern=r"OP-(?P<operator>\d{4})"), means=Means.OPERATOR),
    ScanRule(match=RegexMatch(pattern=r"WO-(?P<order>\d{1,6})"), means=Means.ORDER),
    ScanRule(match=RegexMatch(pattern=r"[A-Z]{2}\d+"), means=Means.LOT),
    ScanRule(match=Gs1Match(ais=frozenset({"01", "10"})), means=Means.LOT),
    ScanRule(match=Gs1Match(ais=frozenset({"01", "21"})), means=Means.UNIT),
    ScanRule(match=Gs1Match(ais=frozenset({"01", "10", "21"})), means=Means.UNIT),
    ScanRule(match=DataMatch(identifiers=frozenset({"1P", "S"})), means=Means.UNIT),
)
PROFILES = (
    *(Profile(reference_date=TODAY, assume=assume) for assume in Assume),
    Profile(reference_date=TODAY, assume=Assume.GS1, separator_text="<GS>"),
    Profile(reference_date=TODAY, expect=frozenset({"01", "21"})),
    Profile(
        reference_date=TODAY,
        tolerates=frozenset({Reason.EMPTY_ELEMENT, Reason.MISSING_EOT, Reason.UNKNOWN_FORMAT}),
    ),
)
STRICT = Profile(reference_date=TODAY)
SCHEMES = (b"http://", b"https://")
STATION = Station(
    path="acme/fuzz",
    machine="fuzz",
    config="",
    by=By.SERIAL,
    pairing=Pairing(strategy=Strategy.SCAN_THEN_CYCLE, window_ms=1, settle_ms=1),
    scans=RULES,
)
CONCEAL = concealer(STATION, OperatorsConfig(mode="pseudonym", key=None), b"demo-key-not-for-use")
NOW = Instant(
    wall_ms=1_780_000_000_000,
    offset_min=0,
    boot_ms=0,
    boot_id="fuzz",
    clock_state=ClockState.SYNCED,
)


@dataclass(slots=True)
class BrokenError(Exception):
    """A law did not hold; says for which input."""

    target: str
    given: bytes
    cause: BaseException

    def __str__(self) -> str:
        """Return one line with which the input can be tried again."""
        return f"{self.target}: {type(self.cause).__name__}: {self.cause}: {self.given.hex()}"


def _read(raw: bytes, profile: Profile) -> Reading | str:
    """Return the reading, or the class of the refusal; a refusal points into the bytes."""
    try:
        return parse(raw, profile)
    except CodeError as error:
        refusal = error
    assert 0 <= refusal.at <= len(raw), f"byte {refusal.at}"
    assert refusal.detail, "no detail"
    return "refused"


def element_strings(raw: bytes, _: Random) -> str:
    """Nothing is invented and nothing is left out: fields and separators are the bytes."""
    reading = _read(raw, STRICT)
    if isinstance(reading, str):
        return reading
    if reading.form is not Form.ELEMENT_STRING:
        return str(reading.form)
    data, at = reading.text, 0
    kept = {(field.identifier, field.value) for field in reading.fields}
    while at < len(data):
        found = next(
            (pair for pair in kept if data.startswith("".join(pair), at) and _ends(data, at, pair)),
            None,
        )
        assert found is not None, f"unread at {at}"
        at += len(found[0]) + len(found[1])
        at += data.startswith("\x1d", at)
    return "accepted"


def _ends(data: str, at: int, pair: tuple[str, str]) -> bool:
    """Say whether an element may end there: by its length, by a separator, or with the data."""
    end = at + len(pair[0]) + len(pair[1])
    return end == len(data) or data[end] == "\x1d" or pair[0][:2] in _PREDEFINED


_PREDEFINED = frozenset(
    f"{number:02}" for number in (*range(5), *range(11, 21), *range(31, 37), 41)
)
"""The groups of D-70, by hand: the product takes them from the dictionary."""


def links(raw: bytes, _: Random) -> str:
    """A link that is read can be written in its canonical form, which says the same."""
    reading = _read(raw, STRICT)
    if isinstance(reading, str):
        return reading
    if reading.form is not Form.DIGITAL_LINK:
        assert not reading.fields or not _is_link(raw), "fields of no link"
        return str(reading.form)
    pairs = [(field.identifier, field.value) for field in reading.fields]
    key = [pair for pair in pairs if pair[0] in ("00", "01", "22", "10", "21", "235")]
    again = parse_link(canonical(key), TODAY)
    assert again is not None, "no link any more"
    assert [field[:2] for field in again.fields] == key, "another identity"
    return "accepted"


def _is_link(raw: bytes) -> bool:
    return raw.lower().startswith(SCHEMES)


def messages(raw: bytes, _: Random) -> str:
    """A message that is read, written again, is the same bytes."""
    reading = _read(raw, STRICT)
    if isinstance(reading, str):
        return reading
    if reading.form is not Form.ISO15434:
        return str(reading.form)
    sent = raw.decode("latin-1")
    body = "".join(_written(envelope, sent) for envelope in reading.envelopes)
    assert f"[)>\x1e{body}\x04" == reading.text, "not what was sent"
    return "accepted"


def _written(envelope: Envelope, sent: str) -> str:
    if (
        envelope.format == "05"
    ):  # held by `element_strings`; separators after fixed lengths are free
        return sent[envelope.at : sent.index("\x1e", envelope.at) + 1]
    glue = " " if envelope.format == "12" else ""
    fields = "\x1d".join(field.identifier + glue + field.value for field in envelope.fields)
    return f"{envelope.format}\x1d{fields}\x1e"


def labels(raw: bytes, _: Random) -> str:
    """Of a HIBC label every character is in a field, or is a flag that says how to read one."""
    reading = _read(raw, Profile(reference_date=TODAY, hibc=True))
    if isinstance(reading, str):
        return reading
    if reading.form is not Form.HIBC:
        return str(reading.form)
    sent = raw.decode("latin-1")
    ends = 0
    for field in reading.fields:
        assert sent.startswith(field.value, field.at), "a value that is not there"
        assert field.at >= ends, "out of order"
        flags = sent[ends : field.at] if ends else "+"
        assert re.fullmatch(r"\+|/?(\$\$?\+?[789]?|7|S|Q|1[46]D)?", flags), f"lost {flags!r}"
        ends = field.at + len(field.value)
    return "accepted"


def any_bytes(raw: bytes, random: Random) -> str:
    """Whatever the profile, bytes are read or refused, twice alike."""
    profile = random.choice(PROFILES)
    reading = _read(raw, profile)
    assert repr(_read(raw, profile)) == repr(reading), "another verdict the second time"
    return reading if isinstance(reading, str) else str(reading.form)


def scan_rules(raw: bytes, _: Random) -> str:
    """A code means something under exactly one rule; what is identified is not empty."""
    found = judge(raw, RULES, NO_READS, reference_date=TODAY)
    if isinstance(found, NoRead):
        assert raw.strip(b"\r\n") in NO_READS, "no such no-read"
        return "no-read"
    if not isinstance(found, Identified):
        assert 0 <= found.at <= len(raw), f"byte {found.at}"
        return "refused"
    assert found.code, "an empty identity"
    alone = [judge(raw, (rule,), NO_READS, reference_date=TODAY) for rule in RULES]
    fits = [index for index, one in enumerate(alone) if isinstance(one, Identified)]
    assert fits == [found.rule], f"the rules {fits} fit"
    return "accepted"


def badges(raw: bytes, _: Random) -> str:
    """Of a badge, and of what begins like one, no byte gets past the rim (D-64)."""
    seen = CodeScanned(id="1", device="scanner", earliest_ms=0, latest_ms=0, received=NOW, raw=raw)
    hidden = CONCEAL(seen)
    if raw.strip(b"\r\n").startswith(b"OP-"):
        assert hidden.raw == b"", "a badge is left"
        digits = raw.strip(b"\r\n")[3:].decode("latin-1")
        shown = f"{hidden.operator} {hidden.hidden_length}"
        assert len(digits) < 4 or digits not in shown, "its number is left"
        return "hidden"
    assert hidden == seen, "not a badge, yet changed"
    return "passed"


def framing(raw: bytes, random: Random) -> str:
    """However a stream is cut into reads, the frames are the same, bounded and never empty."""
    most = random.randint(1, 16)
    options = FramingOptions(
        mode=random.choice(tuple(Mode)),
        terminator=random.choice(tuple(Terminator)),
        max_len=most,
        length=random.randint(1, most),
        noread=("NOREAD",),
    )
    cuts = sorted(random.randint(0, len(raw)) for _ in range(random.randrange(5)))
    pieces = [raw[a:b] for a, b in pairwise([0, *cuts, len(raw)])]
    frames = _frames(options, [raw])
    assert _frames(options, pieces) == frames, "another cut, other frames"
    assert all(0 < len(frame.raw) <= most for frame in frames), "empty or too long"
    return "framed" if frames else "nothing"


def _frames(options: FramingOptions, pieces: list[bytes]) -> list[Frame]:
    framer = Framer(options)
    return [frame for piece in pieces for frame in framer.feed(0, piece)] + framer.disconnect(0)


def command_lines(raw: bytes, _: Random) -> str:
    """A line is a command within its caps, printable and without blanks around, or is refused."""
    try:
        request = parse_request(raw)
    except RequestError:
        return "refused"
    words = (request.command, request.who, request.reason, *sum(request.arguments, ()))
    assert all(word == word.strip() and word.isprintable() for word in words), "not clean"
    assert all(word.encode() is not None and len(word) <= LONGEST_VALUE for word in words)
    assert len(request.arguments) <= MOST_VALUES, "too many"
    return "accepted"


def station_files(raw: bytes, _: Random) -> str:
    """A station file is loaded or refused in words, each at a place in the file."""
    try:
        load_source(parse_source(raw, "f"), registries())
    except ConfigError as error:
        problems = error.problems
    else:
        return "accepted"
    lines = raw.count(b"\n") + 2
    assert all(1 <= problem.line <= lines for problem in problems), "no such line"
    return "refused"


_FILES = tuple(file.read_bytes() for file in sorted((ROOT / "config").glob("*.yaml")))
_SHREDS = (b"\n", b"  ", b": ", b"- ", b"{", b"]", b"'", b"!!int ", b"\xff", b"\x00", b"1e400")


def _file(random: Random) -> bytes:
    raw = random.choice(_FILES)
    at = random.randrange(len(raw))
    return raw[:at] + random.choice(_SHREDS) + raw[at + random.randrange(20) :]


_LINES = (
    b'{"command":"scrap","who":"OP-4711","reason":"cracked","arguments":{"unit":"SN-1"}}',
    b'{"command":"correct","who":" A ","reason":"x","arguments":{"address":["a","b"],"n":[1,2.5]}}',
    b'{"command":"retract","who":"\\u00e9\\ud83d\\ude00","reason":"y","arguments":{"address":[]}}',
)
_JSON_SHREDS = (
    b'"',
    b"{",
    b"[",
    b"null",
    b"1e999",
    b"\\ud800",
    b"\\u0000",
    b"\x00",
    b"\xff",
    b"[" * 99,
)


def _line(random: Random) -> bytes:
    raw = random.choice(_LINES)
    at = random.randrange(len(raw))
    return raw[:at] + random.choice((b"", *_JSON_SHREDS)) + raw[at + random.randrange(12) :]


def _damaged(make: Callable[[Random], bytes]) -> Callable[[Random], bytes]:
    return lambda random: inputs.damaged(random, make(random))


def _mixed(random: Random) -> bytes:
    makers = (inputs.element_string, inputs.elements, inputs.link, inputs.message, inputs.plain)
    return inputs.damaged(random, random.choice((*makers, inputs.noise))(random))


def _stream(random: Random) -> bytes:
    ends = (b"\r", b"\n", b"\r\n", b"\x03", b"", b"\x02")
    codes = [_mixed(random)[:24] + random.choice(ends) for _ in range(random.randint(1, 4))]
    return b"".join(codes)


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that is fuzzed."""

    make: Callable[[Random], bytes]
    hold: Callable[[bytes, Random], str]
    share: float
    """Of all inputs."""


TARGETS: Mapping[str, Target] = {
    "element_strings": Target(_damaged(inputs.element_string), element_strings, 0.34),
    "links": Target(_damaged(inputs.link), links, 0.10),
    "messages": Target(_damaged(inputs.message), messages, 0.15),
    "labels": Target(_damaged(inputs.hibc), labels, 0.04),
    "any_bytes": Target(_mixed, any_bytes, 0.06),
    "scan_rules": Target(_mixed, scan_rules, 0.10),
    "badges": Target(_damaged(inputs.plain), badges, 0.05),
    "framing": Target(_stream, framing, 0.159),
    "command_lines": Target(_line, command_lines, 0.02),
    "station_files": Target(_file, station_files, 0.001),
    "words": Target(outside.said, outside.words, 0.10),
    "events": Target(outside.event, outside.events, 0.10),
    "host_commands": Target(outside.host_command, outside.host_commands, 0.10),
    "server_answers": Target(outside.server_answer, outside.server_answers, 0.10),
}


def one(name: str, seed: int) -> str:
    """Make the input of a seed, hold the laws to it, and return what became of it.

    Raises:
        BrokenError: a law does not hold.
    """
    target = TARGETS[name]
    random = Random(seed)  # noqa: S311 - not for secrets
    given = target.make(random)
    try:
        return target.hold(given, random)
    except Exception as error:
        raise BrokenError(name, given, error) from error
