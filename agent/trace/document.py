"""The events of one large JSON document, read one by one: the list as objects is never held.

The document is gone through once to see that it is JSON, without keeping its events. Where it is
not, or is no object with a list of events, the caller lets the library read all of it, and say why.
"""

from __future__ import annotations

import json
import re
from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from json import JSONDecoder
from typing import Any, Self

_GAP = re.compile(r"[ \t\n\r]*")
_DECODER = JSONDecoder()
LISTED = "events"


class NoDocumentError(Exception):
    """It is not an object with a list of events, or not JSON at all."""


class Document:
    """One document; its events can be gone through again and again."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._first = -1
        """Where the list of events begins."""
        self.members: dict[str, Any] = {}
        """All but the events."""

    @classmethod
    def of(cls, body: bytes) -> Self:
        """Return the document of a text.

        Raises:
            NoDocumentError: there is none.
        """
        try:
            found = cls(body.decode(json.detect_encoding(body), "surrogatepass"))
            found._go_through()
        except (ValueError, RecursionError) as error:
            raise NoDocumentError from error
        if found._first < 0:
            raise NoDocumentError
        return found

    def _go_through(self) -> None:
        text, at = self._text, self._behind_gap(0)
        if text[at : at + 1] != "{":
            raise NoDocumentError
        at = self._behind_gap(at + 1)
        is_more = text[at : at + 1] != "}"
        while is_more:
            if text[at : at + 1] != '"':
                raise NoDocumentError
            name, at = _DECODER.raw_decode(text, at)
            at = self._behind_gap(self._behind(":", self._behind_gap(at)))
            self._first = -1 if name == LISTED else self._first
            if name == LISTED and text[at : at + 1] == "[":
                self._first = at
                at = self._end_of_list(at)
            else:
                self.members[name], at = _DECODER.raw_decode(text, at)
            at = self._behind_gap(at)
            is_more = text[at : at + 1] == ","
            at = self._behind_gap(at + 1) if is_more else at
        if self._behind_gap(self._behind("}", at)) != len(text):
            raise NoDocumentError

    def _behind(self, sign: str, at: int) -> int:
        if self._text[at : at + 1] != sign:
            raise NoDocumentError
        return at + 1

    def _behind_gap(self, at: int) -> int:
        return _GAP.match(self._text, at).end()  # type: ignore[union-attr]  # it matches nothing, too

    def _end_of_list(self, at: int) -> int:
        """Return where the list that begins here ends."""
        ends = deque((end for _, end, _ in self._values(at)), maxlen=1)
        return self._behind("]", self._behind_gap(ends[0] if ends else at + 1))

    def _values(self, at: int) -> Iterator[tuple[int, int, Any]]:
        """Yield where each value of the list that begins here begins and ends, and the value."""
        at = self._behind_gap(at + 1)
        is_more = self._text[at : at + 1] != "]"
        while is_more:
            value, end = _DECODER.raw_decode(self._text, at)
            yield at, end, value
            at = self._behind_gap(end)
            is_more = self._text[at : at + 1] == ","
            at = self._behind_gap(at + 1)

    def __iter__(self) -> Iterator[Any]:
        """Yield what is listed as events."""
        for _, _, value in self._values(self._first):
            yield value

    def lines(self) -> Sequence[int]:
        """Return on which lines the events begin."""
        found, line, counted = array("q"), 1, 0
        for at, _, _ in self._values(self._first):
            line, counted = line + self._text.count("\n", counted, at), at
            found.append(line)
        return found
