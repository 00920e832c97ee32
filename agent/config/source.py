"""A station file as text: plain data out of YAML, and the line and column of every key and value.

Laws:
    1. Whatever the bytes are, reading ends with data or with problems, never with another error.
    2. Nothing is guessed: a duplicate key, a number with a leading zero, a tag or a merge key is
       a problem, not a choice.
    3. The work is bounded before it is done: size, depth and number of values have caps, counted
       with aliases written out, so that no small file becomes a large one.

The parser's events are read directly: no object is ever constructed from what a file names.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path as File
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from agent.config.problems import (
    ConfigError,
    Path,
    Place,
    Problem,
    clipped,
    dotted,
    without_sources,
)

MOST_BYTES = 256 * 1024
MOST_DEPTH = 24
MOST_VALUES = 20_000
_MOST_DIGITS = 40

_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "true": True, "false": False}


@dataclass(frozen=True)
class Source:
    """What a file says, and where it says it."""

    file: str
    data: dict[str, Any]
    keys: dict[Path, Place] = field(repr=False)
    """Where each mapping's key stands."""
    values: dict[Path, Place] = field(repr=False)
    """Where each value begins."""
    slips: tuple[Problem, ...] = ()
    """What is wrong in the text but leaves the rest to be judged: a key twice, a leading zero."""

    def place(self, path: Path, *, key: bool = False) -> Place:
        """Return where a value (or its key) stands; of what is not there, where it would be."""
        first, second = (self.keys, self.values) if key else (self.values, self.keys)
        for end in range(len(path), -1, -1):
            found = first.get(path[:end]) or second.get(path[:end])
            if found is not None:
                return found
        return Place(1, 1)

    def at(self, path: Path) -> object:
        """Return what stands at a path, None where nothing does."""
        here: Any = self.data
        for step in path:
            if isinstance(here, dict):
                here = here.get(step)
            elif isinstance(here, list) and isinstance(step, int) and step < len(here):
                here = here[step]
            else:
                return None
        return here

    def problem(
        self,
        path: Path,
        message: str,
        hint: str = "",
        *,
        value: str | None = None,
        key: bool = False,
    ) -> Problem:
        """Return a problem at a path."""
        at = self.place(path, key=key)
        return Problem(
            file=self.file,
            line=at.line,
            column=at.column,
            path=dotted(path),
            message=without_sources(message),
            value=value,
            hint=without_sources(hint),
        )


@dataclass(eq=False)
class _Node:
    """One value as written: its content is a scalar, items, or pairs of key and value."""

    place: Place
    content: Any
    pairs: list[tuple[str, Place, _Node]] | None = None
    items: list[_Node] | None = None


def read_source(path: File) -> Source:
    """Return what a station file says.

    Raises:
        ConfigError: it cannot be read, or it is no YAML mapping within the caps.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        cause = f"cannot be read: {error.strerror or error}"
        raise ConfigError([Problem(file=str(path), message=cause)]) from error
    return parse_source(raw, str(path))


def parse_source(raw: bytes, file: str) -> Source:
    """Return what the bytes of a station file say.

    Raises:
        ConfigError: they are no YAML mapping within the caps.
    """
    if len(raw) > MOST_BYTES:
        cause = f"is larger than {MOST_BYTES // 1024} KiB, which no station file is"
        raise ConfigError([Problem(file=file, message=cause)])
    return _Reader(file).read(_decoded(raw, file))


def _decoded(raw: bytes, file: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8-sig", "replace")
        at = _place_after(before)
        cause = f"is not UTF-8 text (byte 0x{raw[error.start]:02x})"
        hint = "save it in the encoding UTF-8"
        problem = Problem(file=file, line=at.line, column=at.column, message=cause, hint=hint)
        raise ConfigError([problem]) from error


def _place_after(text: str) -> Place:
    return Place(text.count("\n") + 1, len(text) - text.rfind("\n"))


class _Reader:
    """One reading of one file: gathers problems while it builds the data."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._problems: list[Problem] = []
        self._anchors: dict[str, _Node] = {}
        self._keys: dict[Path, Place] = {}
        self._values: dict[Path, Place] = {}

    def read(self, text: str) -> Source:
        """Return the data, its places and its slips.

        Raises:
            ConfigError: the text is no mapping within the caps; with its slips up to there.
        """
        root = self._parsed(text)
        data = None if root is None else self._flattened(root, (), 0)
        if not isinstance(data, dict):
            what = "is empty" if data is None else "is no mapping of keys to values"
            at = root.place if root is not None else Place(1, 1)
            hint = "begin with `station:`; config/station.example.yaml shows all keys"
            raise self._end(at, what, hint)
        return Source(self._file, data, self._keys, self._values, tuple(self._problems))

    def _end(self, at: Place, message: str, hint: str = "", path: Path = ()) -> ConfigError:
        """Return the error that ends the reading here."""
        self._note(at, message, hint, path)
        return ConfigError(self._problems)

    def _note(self, at: Place, message: str, hint: str = "", path: Path = ()) -> None:
        self._problems.append(
            Problem(
                file=self._file,
                line=at.line,
                column=at.column,
                path=dotted(path),
                message=message,
                hint=hint,
            )
        )

    def _parsed(self, text: str) -> _Node | None:
        """Return the document as a tree, None where there is none.

        Raises:
            ConfigError: it is no YAML, or more than one document.
        """
        root: _Node | None = None
        documents = 0
        try:
            events: Iterator[Any] = iter(YAML(typ="safe", pure=True).parse(StringIO(text)))
            for event in events:
                if isinstance(event, DocumentStartEvent):
                    documents += 1
                elif documents > 1:
                    raise self._end(
                        _at(event), "a second YAML document begins", "one file, one station"
                    )
                elif isinstance(event, _Start):
                    root = self._node(event, events, 0)
        except ReaderError as error:
            at = _place_after(text[: error.position])
            cause = f"holds a character that YAML forbids ({_hex(error.character)})"
            raise self._end(at, cause) from error
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            at = Place(mark.line + 1, mark.column + 1) if mark is not None else Place(1, 1)
            raise self._end(at, *_syntax(error, text, at)) from error
        except (YAMLError, ValueError, OverflowError) as error:
            # The last two: escapes of characters that do not exist, `"\UFFFFFFFF"`.
            raise self._end(Place(1, 1), f"is no YAML: {clipped(str(error))}") from error
        return root

    def _node(self, event: _Start, events: Iterator[Any], depth: int) -> _Node:
        at = _at(event)
        if depth > MOST_DEPTH:
            raise self._end(at, f"is nested deeper than {MOST_DEPTH} levels")
        if isinstance(event, AliasEvent):
            if event.anchor not in self._anchors:
                self._note(
                    at, f"*{clipped(str(event.anchor))} names no anchor that stands before it"
                )
                return _Node(at, None)
            anchored = self._anchors[event.anchor]
            return _Node(at, anchored.content, anchored.pairs, anchored.items)
        if event.ctag is not None:
            tag = clipped(str(event.ctag))
            self._note(at, f"the tag {tag} is not allowed", "write the value alone")
        if isinstance(event, ScalarEvent):
            node = _Node(at, self._scalar(event, at))
        elif isinstance(event, SequenceStartEvent):
            node = _Node(at, None, items=self._items(events, depth))
        else:
            node = _Node(at, None, pairs=self._pairs(events, depth))
        if event.anchor is not None:  # known from its end on: an alias inside itself finds none
            self._anchors[event.anchor] = node
        return node

    def _items(self, events: Iterator[Any], depth: int) -> list[_Node]:
        items = []
        while not isinstance(event := next(events), SequenceEndEvent):
            items.append(self._node(event, events, depth + 1))
        return items

    def _pairs(self, events: Iterator[Any], depth: int) -> list[tuple[str, Place, _Node]]:
        pairs: list[tuple[str, Place, _Node]] = []
        first: dict[str, Place] = {}
        while not isinstance(event := next(events), MappingEndEvent):
            at = _at(event)
            key = event.value if isinstance(event, ScalarEvent) else None
            if key is None:
                self._note(at, "this key is not a plain word")
                self._node(event, events, depth + 1)
            elif key == "<<":
                self._note(at, "merge keys (<<) are not supported", "write the keys out")
            elif key in first:
                where = f"it stands in line {first[key].line} already"
                self._note(at, f"the key '{clipped(key)}' is there twice", where)
            value = self._node(next(events), events, depth + 1)
            if value.content is None and value.pairs is None and value.items is None:
                value.place = at  # of nothing, YAML says where the next thing begins
            if key is not None and key not in first:
                first[key] = at
                pairs.append((key, at, value))
        return pairs

    def _scalar(self, event: ScalarEvent, at: Place) -> object:
        """Return a scalar by YAML 1.2's core schema, without its traps."""
        text: str = event.value
        if event.style is not None:
            return text
        if text.lower() in _WORDS:
            return _WORDS[text.lower()]
        if _LEADING_ZERO.fullmatch(text):
            self._note(
                at, f"{clipped(text)} begins with 0: text or number?", f'write "{clipped(text)}"'
            )
            return text
        if _INT.fullmatch(text) and len(text) <= _MOST_DIGITS:
            return int(text)
        if _FLOAT.fullmatch(text):
            number = float(text)
            if math.isfinite(number):
                return number
            self._note(at, f"{clipped(text)} is too large a number")
        return text

    def _flattened(self, node: _Node, path: Path, depth: int) -> object:
        """Return a node as plain data, with aliases written out, and note where all of it is.

        Raises:
            ConfigError: it is too deep or too much.
        """
        self._values[path] = node.place
        if depth > MOST_DEPTH or len(self._values) > MOST_VALUES:
            cap = f"{MOST_DEPTH} levels or {MOST_VALUES} values"
            raise self._end(node.place, f"is more than {cap}, aliases counted", path=path)
        if node.pairs is not None:
            for key, at, _ in node.pairs:
                self._keys[*path, key] = at
            return {
                key: self._flattened(value, (*path, key), depth + 1) for key, _, value in node.pairs
            }
        if node.items is not None:
            return [
                self._flattened(item, (*path, position), depth + 1)
                for position, item in enumerate(node.items)
            ]
        scalar: object = node.content
        return scalar


_Start = AliasEvent | MappingStartEvent | ScalarEvent | SequenceStartEvent
"""What a value begins with."""


def _at(event: Event) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)


def _hex(character: object) -> str:
    return f"U+{character:04X}" if isinstance(character, int) else f"U+{ord(str(character)[0]):04X}"


def _syntax(error: MarkedYAMLError, text: str, at: Place) -> tuple[str, str]:
    """Return message and hint for a syntax error."""
    cause = clipped(str(error.problem or error.context or "cannot be read"))
    lines = text.split("\n")
    line = lines[at.line - 1] if at.line <= len(lines) else ""
    if "\t" in line[: at.column]:
        return "a tab stands where YAML wants spaces", "indent with spaces"
    if "expected <block end>" in cause or "mapping values are not allowed" in cause:
        return (
            f"is no YAML here: {cause}",
            "look at the indent and the colons of this and the last line",
        )
    if at.line >= len(lines) or "<stream end>" in cause:
        return f"the text ends too early: {cause}", "is the file complete?"
    return f"is no YAML here: {cause}", ""
