"""Reading a station file as text: data with its places, or problems; never anything else."""

from pathlib import Path

import pytest

from agent.config.problems import ConfigError, Place
from agent.config.source import MOST_BYTES, parse_source, read_source

REFUSED = {
    "empty": (b"", "f:1:1: is empty; "),
    "only a comment": (b"# nothing\n", "f:1:1: is empty; "),
    "a list": (b"- a\n", "f:1:1: is no mapping of keys to values; "),
    "a word": (b"hello\n", "f:1:1: is no mapping of keys to values; "),
    "indent": (b"a: 1\n b: 2\n", "f:2:3: is no YAML here: mapping values are not allowed here; "),
    "tab": (b"a:\n\tb: 1\n", "f:2:1: a tab stands where YAML wants spaces; indent with spaces"),
    "cut short": (b"a: [1,2", "f:1:8: the text ends too early: "),
    "cut in a text": (b'a: "x', "f:1:6: the text ends too early: "),
    "not UTF-8": (b"a: 1\nb: \xe4\n", "f:2:4: is not UTF-8 text (byte 0xe4); save it"),
    "UTF-16": ("a: 1\n".encode("utf-16"), "f:1:1: is not UTF-8 text (byte 0xff); "),
    "control character": (b"a: \x01", "f:1:4: holds a character that YAML forbids (U+0001)"),
    "no such character": (b'a: "\\UFFFFFFFF"', "f:1:1: is no YAML: "),
    "two documents": (b"a: 1\n---\nb: 2\n", "f:3:1: a second YAML document begins; "),
    "deep": (b"a: " + b"[" * 100_000, "f:1:28: is nested deeper than 24 levels"),
    "huge": (b" " * (MOST_BYTES + 1), "f:1:1: is larger than 256 KiB, which no station file is"),
    "other version": (b"%YAML 3.0\n---\na: 1\n", "f:1:1: is no YAML here: found incompatible"),
}

SLIPS = {
    "key twice": (b"a: 1\nb: 2\na: 3\n", "f:3:1: the key 'a' is there twice; it stands in line 1"),
    "leading zero": (b"a: 01\n", 'f:1:4: 01 begins with 0: text or number?; write "01"'),
    "infinite": (b"a: 1e999\n", "f:1:4: 1e999 is too large a number"),
    "tag": (b"a: !!python/name:os.system x\n", "f:1:4: the tag tag:yaml.org,2002:python/name:os"),
    "merge key": (b"b: &b {c: 1}\na: {<<: *b}\n", "f:2:5: merge keys (<<) are not supported; "),
    "complex key": (b"? [a]\n: 1\nb: 2\n", "f:1:3: this key is not a plain word"),
    "alias to nothing": (b"a: *b\n", "f:1:4: *b names no anchor that stands before it"),
    "alias to itself": (b"a: &a [*a]\n", "f:1:8: *a names no anchor that stands before it"),
}


@pytest.mark.parametrize(("raw", "says"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_station_file_is_named_with_its_place(raw: bytes, says: str) -> None:
    """Bytes that are no YAML mapping within the caps end in a problem that says where and why."""
    with pytest.raises(ConfigError) as refused:
        parse_source(raw, "f")
    assert str(refused.value).startswith(says)


@pytest.mark.parametrize(("raw", "says"), SLIPS.values(), ids=SLIPS)
def test_slip_leaves_the_rest_to_be_judged(raw: bytes, says: str) -> None:
    """What is wrong in one place alone is noted, and the data is there all the same."""
    source = parse_source(raw, "f")
    assert [str(slip).startswith(says) for slip in source.slips] == [True]
    assert source.data


def test_alias_bomb_is_refused_before_it_grows() -> None:
    """Aliases count as what they stand for, so a small file never becomes a large one."""
    lines = [b"a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [b"a%d: &a%d [%s]" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 9)]
    with pytest.raises(ConfigError, match="aliases counted") as refused:
        parse_source(b"\n".join(lines), "f")
    assert len(refused.value.problems) == 1


def test_all_slips_of_a_text_are_named_at_once() -> None:
    """Problems that do not end the parse are gathered, in the order of the file."""
    slips = parse_source(b"b: 01\na: 1\na: !x 2\n", "f").slips
    assert [(slip.line, slip.column) for slip in slips] == [(1, 4), (3, 1), (3, 4)]


def test_slips_before_the_end_are_named_with_it() -> None:
    """A text that breaks off keeps the problems found before."""
    with pytest.raises(ConfigError) as refused:
        parse_source(b"a: 01\nb: [", "f")
    assert [problem.line for problem in refused.value.problems] == [1, 2]


def test_scalars_are_those_of_yaml_1_2() -> None:
    """Plain words become numbers and truth values without the traps of YAML 1.1."""
    text = (
        b"a: [7, -7, 1.5, 1e3, true, False, null, ~, no, on, 12:30, 2026-01-01, 0x1F, 1_0]\n"
        b"b: [\"7\", 'true']\nc: |\n  x\nd: .inf\n"
    )
    assert parse_source(text, "f").data == {
        "a": [
            *(7, -7, 1.5, 1000.0, True, False, None, None),
            *("no", "on", "12:30", "2026-01-01", "0x1F", "1_0"),
        ],
        "b": ["7", "true"],
        "c": "x\n",
        "d": ".inf",
    }


def test_every_key_and_value_knows_its_place() -> None:
    """Lines and columns count from 1; what is missing stands where its parent does."""
    source = parse_source("\ufeffa:\n  - {k: v}\nb: &b {m: 1}\nc: *b\n".encode(), "f")
    assert source.place(("a", 0, "k"), key=True) == Place(2, 6)
    assert source.place(("a", 0, "k")) == Place(2, 9)
    assert source.place(("a", 0, "missing", "deep")) == Place(2, 5)
    assert source.place(("c",)) == Place(4, 4)
    assert source.place(("c", "m")) == Place(3, 11)
    assert source.place(("nowhere",)) == Place(1, 1)


def test_what_stands_at_a_path_can_be_asked() -> None:
    """A path that leads nowhere gives None."""
    source = parse_source(b"a: [1, {b: 2}]\n", "f")
    assert source.at(("a", 1, "b")) == 2
    assert source.at(("a", 5)) is None
    assert source.at(("a", "b")) is None


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing file or a folder is a problem of the file, with the system's reason."""
    with pytest.raises(ConfigError, match="cannot be read: No such file or directory"):
        read_source(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_source(tmp_path)
