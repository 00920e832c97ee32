"""Whatever a slip or a power cut makes of a station file, the answer is in words (G01)."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.app.registries import registries
from agent.config.load import load_source
from agent.config.problems import ConfigError, Problem
from agent.config.source import parse_source

EXAMPLES = [file.read_bytes() for file in (Path(__file__).parents[3] / "config").glob("*.yaml")]
PIECES = [b"\t", b"\n", b"  ", b": ", b"- ", b"{", b"}", b"[", b"]", b"&a ", b"*a", b"'", b'"']
PIECES += [b"!!int ", b"| ", b"> ", b"%", b"? ", b"<<: *a", b"---\n", b"#", b"\xff", b"\x00"]
PIECES += [b"0", b"-1", b"1e400", b"null", b"true", b"~", b"\\x00", b"\\U00110000", b"a" * 5000]
TOKENS = [b"plc", b"scanner", b"trigger", b"serial", b"lot", b"count-only", b"tag", b"10s", b"2^32"]


def refused(raw: bytes) -> tuple[Problem, ...]:
    """Load the bytes; the one way to fail is by problems, none if they are right."""
    try:
        load_source(parse_source(raw, "f"), registries())
    except ConfigError as error:
        return error.problems or (Problem(file="f", line=0, message="no problem was named"),)
    return ()


def judged(raw: bytes) -> None:
    """Load the bytes; every problem is one line of text at a place in them."""
    lines = raw.count(b"\n") + 2
    for problem in refused(raw):
        assert 1 <= problem.line <= lines
        assert problem.column >= 1
        assert "\n" not in str(problem)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Return an example with some bytes cut out, doubled, or put in."""
    raw = draw(st.sampled_from(EXAMPLES))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.integers(0, 40)))
        piece = draw(st.sampled_from([b"", raw[start:end] * 2, *PIECES, *TOKENS]))
        raw = raw[:start] + piece + raw[end:]
    return raw


@given(mutated())
def test_mutilated_example_is_judged_in_words(raw: bytes) -> None:
    """A file with pieces lost, doubled or strange loads or is refused; nothing else happens."""
    judged(raw)


@given(st.sampled_from(EXAMPLES), st.integers(0, 10_000))
def test_half_written_example_is_judged_in_words(raw: bytes, length: int) -> None:
    """A file that a power cut left short loads or is refused; nothing else happens."""
    judged(raw[:length])


@given(st.binary(max_size=200))
def test_any_bytes_are_judged_in_words(raw: bytes) -> None:
    """Bytes that never were a station file are refused; nothing else happens."""
    judged(raw)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
        max_leaves=6,
    ),
    st.sampled_from(["station", "operators", "devices", "tags", "scans", "track", "publish"]),
)
def test_any_value_of_a_section_is_judged_in_words(value: object, section: str) -> None:
    """A section that holds anything at all is refused in words."""
    source = parse_source(b"station: a\nmachine: m\n", "f")
    source.data[section] = value
    with pytest.raises(ConfigError, match="f:"):
        load_source(source, registries())
