"""ISO/IEC 15434 messages: header, format envelopes, end; and the broken forms seen in the field.

    [)> RS  06 GS field GS field RS  05 GS elements RS  EOT

Nothing is repaired: a lost separator cannot be guessed back, and a message without its end proves
nothing about its last field. A form that is unambiguous all the same can be declared by a profile
and is then accepted with a doubt (D-78). The separator text of a reader has been replaced by GS
before the message gets here; RS and EOT are told by their places then.

Source: ISO/IEC 15434; fields of format 06: ANSI MH10.8.2; of format 12: text element identifiers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from agent.core.identity import data_identifiers
from agent.core.identity.gs1 import element_strings
from agent.core.identity.reading import (
    EOT,
    GS,
    RS,
    CodeError,
    Doubt,
    Envelope,
    Field,
    Profile,
    Reason,
)

HEADER = "[)>"

_FORMAT = re.compile(r"[0-9]{2}")
_TEXT_ELEMENT = re.compile(r"([A-Z]{3}) (.*)", re.DOTALL)
_FOREIGN = re.compile(r"[^ -~]")
_PLACEHOLDER = re.compile(r".{1,5}?[0-9]{2}", re.DOTALL)
_END = re.compile(f"[{RS}{EOT}]")
_CONTROLS = re.compile(f"[{GS}{RS}{EOT}]")
_BODY_AT = len(HEADER) + len(RS)


class Message(NamedTuple):
    """A message, read."""

    envelopes: tuple[Envelope, ...]
    doubts: tuple[Doubt, ...]


def is_message(text: str) -> bool:
    """Return whether a text is to be read as a message."""
    return text.startswith(HEADER)


def hidden_header(text: str) -> int | None:
    """Return where a message begins inside a text that does not begin with one."""
    at = text.find(HEADER + RS)
    return at if at > 0 else None


def parse_message(text: str, profile: Profile, base: int = 0) -> Message:
    """Return the envelopes of a message, in order; the same identifier twice is kept twice.

    Raises:
        CodeError: the message is broken in a way that the profile does not declare.
    """
    return _Reader(text, profile, base).message()


class _Reader:
    """Reads one message; holds what every step needs."""

    def __init__(self, text: str, profile: Profile, base: int) -> None:
        self._text = _by_place(text) if profile.separator_text else text
        self._profile = profile
        self._base = base
        self._doubts: list[Doubt] = []

    def message(self) -> Message:
        """Return what the message holds."""
        at = self._body()
        envelopes: list[Envelope] = []
        while True:
            if at >= len(self._text):
                if not envelopes:
                    raise self._refusal(Reason.TRUNCATED, at, "nothing follows the header")
                self._doubt(Reason.MISSING_EOT, at, "the message has no end (EOT)")
                break
            if self._text[at] == EOT:
                if not envelopes:
                    raise self._refusal(Reason.EMPTY_DATA, at, "the message has no envelope")
                at += 1
                break
            end = self._envelope_end(at)
            envelopes.append(self._envelope(at, end))
            at = end + 1
            if self._text[end] == EOT:
                self._doubt(Reason.MISSING_TRAILER_RS, end, "no RS before the end (EOT)")
                break
        if at < len(self._text):
            raise self._refusal(Reason.TRAILING_DATA, at, "data follows the end of the message")
        return Message(tuple(envelopes), tuple(self._doubts))

    def _refusal(self, reason: Reason, at: int, detail: str) -> CodeError:
        return CodeError(reason, at + self._base, detail)

    def _doubt(self, reason: Reason, at: int, detail: str) -> None:
        """Note a defect that the profile declares; refuse one that it does not."""
        if reason not in self._profile.tolerates:
            raise self._refusal(reason, at, detail)
        self._doubts.append(Doubt(reason, at + self._base))

    def _body(self) -> int:
        """Return where the first envelope begins."""
        text, after = self._text, len(HEADER)
        if text[after : after + 1] == RS:
            return _BODY_AT
        if len(text) == after:
            raise self._refusal(Reason.TRUNCATED, after, "nothing follows the header")
        if _FORMAT.match(text, after):
            if not _CONTROLS.search(text):
                detail = "every control character is lost; the fields cannot be told apart"
                raise self._refusal(Reason.NO_SEPARATORS, after, detail)
            self._doubt(Reason.MISSING_HEADER_RS, after, "no RS after the header")
            return after
        if text[after] != GS and _PLACEHOLDER.match(text, after):
            detail = "something stands in place of RS; declare it as separator_text"
            raise self._refusal(Reason.PLACEHOLDER_SEPARATOR, after, detail)
        raise self._refusal(Reason.BAD_HEADER, after, "RS and a format number must follow")

    def _envelope_end(self, at: int) -> int:
        found = _END.search(self._text, at)
        if found is None:
            detail = "the envelope has no end: nothing proves that its last field is whole"
            raise self._refusal(Reason.TRUNCATED, len(self._text), detail)
        return found.start()

    def _envelope(self, at: int, end: int) -> Envelope:
        number = self._text[at : min(at + 2, end)]
        start = at + len(number)
        if not number:
            raise self._refusal(Reason.EMPTY_DATA, at, "an envelope without format and fields")
        if number not in ("05", "06", "12"):
            detail = f"format {number!r} is not one of 05, 06, 12"
            self._doubt(Reason.UNKNOWN_FORMAT, at, detail)
            return Envelope(number, self._opaque(start, end), at + self._base)
        if start == end or self._text[start:end] == GS:
            raise self._refusal(Reason.EMPTY_DATA, start, "the envelope has no field")
        if self._text[start] != GS:
            if GS in self._text[start:end]:
                detail = "no GS after the format number"
                raise self._refusal(Reason.MISSING_FORMAT_GS, start, detail)
            detail = "the separators are lost; the fields cannot be told apart"
            raise self._refusal(Reason.NO_SEPARATORS, start, detail)
        read = {"05": self._elements, "06": self._data_fields, "12": self._text_fields}[number]
        return Envelope(number, read(start + 1, end), at + self._base)

    def _opaque(self, start: int, end: int) -> tuple[Field, ...]:
        """Return the fields of an unknown format, unread."""
        if self._text[start:end].startswith(GS):
            start += 1
        return tuple(Field("", text, at + self._base) for text, at in self._pieces(start, end))

    def _elements(self, start: int, end: int) -> tuple[Field, ...]:
        text = self._text[start:end]
        if text.endswith(GS):
            self._doubt(Reason.EMPTY_FIELD, end - 1, "a separator ends the envelope")
            text = text[:-1]
        return element_strings(text, self._profile.reference_date, start + self._base)

    def _data_fields(self, start: int, end: int) -> tuple[Field, ...]:
        return tuple(self._data_field(text, at) for text, at in self._fields(start, end))

    def _data_field(self, text: str, at: int) -> Field:
        parts = data_identifiers.split(text)
        if parts is None:
            detail = f"no data identifier begins {text[:4]!r}"
            raise self._refusal(Reason.BAD_IDENTIFIER, at, detail)
        code, value = parts
        value_at = at + len(code)
        if not value:
            raise self._refusal(Reason.EMPTY_VALUE, value_at, f"{code} has no value")
        known = code in data_identifiers.allocated() or code in self._profile.known_identifiers
        if not known:
            detail = f"{code} is not an allocated data identifier"
            self._doubt(Reason.UNKNOWN_IDENTIFIER, at, detail)
        reason = data_identifiers.fault(code, value, self._profile.reference_date)
        if reason is not None:
            raise self._refusal(reason, value_at, f"{value!r} cannot be in {code}")
        return Field(code, value, at + self._base)

    def _text_fields(self, start: int, end: int) -> tuple[Field, ...]:
        return tuple(self._text_field(text, at) for text, at in self._fields(start, end))

    def _text_field(self, text: str, at: int) -> Field:
        found = _TEXT_ELEMENT.fullmatch(text)
        if found is None:
            detail = f"three letters and a space do not begin {text[:4]!r}"
            raise self._refusal(Reason.BAD_IDENTIFIER, at, detail)
        if not found[2]:
            raise self._refusal(Reason.EMPTY_VALUE, at + found.start(2), f"{found[1]} has no value")
        return Field(found[1], found[2], at + self._base)

    def _fields(self, start: int, end: int) -> Iterator[tuple[str, int]]:
        """Yield the fields of an envelope that hold something."""
        for text, at in self._pieces(start, end):
            if text:
                yield text, at
            else:
                self._doubt(Reason.EMPTY_FIELD, at, "two separators in a row, or one at the end")

    def _pieces(self, start: int, end: int) -> Iterator[tuple[str, int]]:
        foreign = _FOREIGN.search(self._text[start:end].replace(GS, " "))
        if foreign is not None:
            at = start + foreign.start()
            detail = f"0x{ord(self._text[at]):02X} cannot be in a field"
            raise self._refusal(Reason.BAD_CHARSET, at, detail)
        at = start
        for text in self._text[start:end].split(GS):
            yield text, at
            at += len(text) + 1


def _by_place(text: str) -> str:
    """Return a message whose every control character came as GS, each told by its place."""
    if text[len(HEADER) : _BODY_AT] == GS:
        text = HEADER + RS + text[_BODY_AT:]
    for tail in (GS + GS, GS + EOT, GS):
        if text.endswith(tail):
            return text.removesuffix(tail) + RS + EOT
    return text
