"""GS1 Digital Link URIs: read strictly, and written in the one canonical form.

A link is read from the right: pairs of identifier and value back to the first primary key; what
stands before the key is the resolver's stem. Values are percent-decoded once. Compressed links
are not read: they are plain text here.

Source: GS1 Digital Link Standard, URI Syntax; the dictionary's `dlpkey` and flag `?`; D-77.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import pairwise
from typing import NamedTuple
from urllib.parse import quote, unquote, unquote_to_bytes

from agent.core.identity.gs1 import element, together
from agent.core.identity.gs1_table import ApplicationIdentifier, table
from agent.core.identity.reading import CodeError, Doubt, Field, Reason

RESOLVER = "https://id.gs1.org"
"""The domain of canonical links (D-77)."""

_START = re.compile(r"https?://[^/?#]+", re.IGNORECASE)
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_WRITTEN = re.compile(r"%..|.", re.DOTALL)
"""One character of a value as it is written."""
_LOOKS_LIKE_KEY = re.compile(r"[0-9]{8,}")


class Link(NamedTuple):
    """A Digital Link, read."""

    fields: tuple[Field, ...]
    """Key, qualifiers, then attributes, in the order of the link."""
    ignored: tuple[str, ...]
    """Text parameters, as they stand in the link."""
    doubts: tuple[Doubt, ...]


class _Piece(NamedTuple):
    text: str
    at: int


def is_web_address(text: str) -> bool:
    """Return whether a text is to be tried as a Digital Link."""
    return text[:8].lower().startswith(("http://", "https://"))


def parse_link(
    text: str, reference: date, tolerates: frozenset[Reason] = frozenset(), base: int = 0
) -> Link | None:
    """Return what a web address says as a Digital Link, None if it has no key in its path.

    Args:
        text: The web address.
        reference: The day of the scan.
        tolerates: Of these, DL_QUALIFIER_IN_QUERY is honoured: such an attribute is a doubt.
        base: Offset of `text` in the bytes as received.

    Raises:
        CodeError: it is a Digital Link and something in it is wrong.
    """
    start = _START.match(text)
    if start is None:
        return None
    whole, _, _ = text.partition("#")
    path, mark, query = whole.partition("?")
    steps = list(_split(path[start.end() :], "/", base + start.end()))[1:]
    key_at = _key_index(steps)
    if key_at is None:
        return None
    _check_stem(steps[:key_at], table()[steps[key_at].text])
    pairs = list(zip(steps[key_at::2], steps[key_at + 1 :: 2], strict=True))
    _check_order(pairs)
    parameters = list(_split(query, "&;", base + len(path) + 1)) if mark else []
    attributes, ignored, doubts = _attributes(parameters, table()[pairs[0][0].text], tolerates)
    fields = [_field(name, value, reference) for name, value in pairs + attributes]
    return Link(together(fields), ignored, doubts)


def canonical(fields: Iterable[tuple[str, str]]) -> str:
    """Return the canonical link of a key and its qualifiers, given in order.

    >>> canonical([("01", "09521234543213"), ("21", "A/B")])
    'https://id.gs1.org/01/09521234543213/21/A%2FB'
    """
    return RESOLVER + "".join(f"/{code}/{quote(value, safe='')}" for code, value in fields)


def _split(text: str, separators: str, at: int) -> Iterator[_Piece]:
    for part in re.split(f"[{separators}]", text):
        yield _Piece(part, at)
        at += len(part) + 1


def _key_index(steps: Sequence[_Piece]) -> int | None:
    """Return where the key stands, None if there is none.

    Raises:
        CodeError: a key stands in the path, and what follows it are not pairs.
    """
    for index in range(len(steps) - 2, -1, -2):
        ai = table().get(steps[index].text)
        if ai is None:
            break
        if ai.key:
            return index
    written = [step for step in steps if step.text]  # an empty step hides no key
    for step, following in pairwise(written):
        ai = table().get(step.text)
        if ai is not None and ai.key and _LOOKS_LIKE_KEY.match(following.text):
            detail = f"after the key ({step.text}) come no whole pairs"
            raise CodeError(Reason.DL_NO_KEY, step.at, detail)
    return None


def _check_stem(stem: Sequence[_Piece], key: ApplicationIdentifier) -> None:
    """Refuse a qualifier or another key in front of the key: it would be lost with the stem.

    The standard lets a resolver have any path, so `/10/L1/01/…` could be one; a lot in the wrong
    place is far more likely, and nothing may be lost silently.
    """
    for at in range(len(stem) - 2, -1, -2):
        name, value = stem[at : at + 2]
        ai = table().get(name.text)
        if ai is None or not value.text:
            return
        is_qualifier = any(ai.code in sequence for sequence in key.qualifiers)
        if is_qualifier or (ai.key and _LOOKS_LIKE_KEY.match(value.text)):
            detail = f"({ai.code}) stands before the key ({key.code})"
            raise CodeError(Reason.DL_ORDER, name.at, detail)


def _check_order(pairs: Sequence[tuple[_Piece, _Piece]]) -> None:
    key = table()[pairs[0][0].text]
    given = [name.text for name, _ in pairs[1:]]
    if not given or any(_is_within(given, sequence) for sequence in key.qualifiers):
        return
    wanted = " or ".join("/".join(sequence) for sequence in key.qualifiers) or "nothing"
    raise CodeError(
        Reason.DL_ORDER, pairs[1][0].at, f"after ({key.code}) may stand {wanted}, in this order"
    )


def _is_within(given: Sequence[str], sequence: Sequence[str]) -> bool:
    rest = iter(sequence)
    return all(code in rest for code in given)


def _attributes(
    parameters: Sequence[_Piece], key: ApplicationIdentifier, tolerates: frozenset[Reason]
) -> tuple[list[tuple[_Piece, _Piece]], tuple[str, ...], tuple[Doubt, ...]]:
    """Return the attributes among the query's parameters, the rest, and what is doubtful."""
    found: list[tuple[_Piece, _Piece]] = []
    ignored: list[str] = []
    doubts: list[Doubt] = []
    own = {code for sequence in key.qualifiers for code in sequence}
    for parameter in parameters:
        name, mark, value = parameter.text.partition("=")
        if "%" in name and unquote(name).isdecimal():
            detail = "an identifier is written in plain digits"
            raise CodeError(Reason.UNKNOWN_AI, parameter.at, detail)
        if not name.isdecimal():
            ignored += [parameter.text] if parameter.text else []
            continue
        ai = table().get(name)
        if ai is None:
            detail = f"({name}) is not an application identifier"
            raise CodeError(Reason.UNKNOWN_AI, parameter.at, detail)
        if not ai.attribute or name in own:
            if not ai.attribute or Reason.DL_QUALIFIER_IN_QUERY not in tolerates:
                detail = f"({name}) cannot be an attribute beside the key ({key.code})"
                raise CodeError(Reason.DL_QUALIFIER_IN_QUERY, parameter.at, detail)
            doubts.append(Doubt(Reason.DL_QUALIFIER_IN_QUERY, parameter.at))
        if "+" in value:
            # Some writers mean a space by it: two readings, so none (D-85).
            at = parameter.at + parameter.text.index("+")
            raise CodeError(Reason.BAD_CHARSET, at, "a plus sign in a query is to be written %2B")
        value_at = parameter.at + len(name) + len(mark)
        found.append((_Piece(name, parameter.at), _Piece(value, value_at)))
    return found, tuple(ignored), tuple(doubts)


def _field(name: _Piece, value: _Piece, reference: date) -> Field:
    """Return a pair of the link with its value percent-decoded once, one character a byte."""
    bad = _BAD_PERCENT.search(value.text)
    if bad is not None:
        at = value.at + bad.start()
        raise CodeError(Reason.BAD_CHARSET, at, "a percent sign without two hexadecimal digits")
    decoded = unquote_to_bytes(value.text.encode("latin-1")).decode("latin-1")
    try:
        element(name.text, decoded, reference)
    except CodeError as error:
        # The offset counts in the decoded value; people look at the link as it is written.
        written = _WRITTEN.findall(value.text)
        at = value.at + sum(map(len, written[: error.at]))
        raise CodeError(error.reason, at, error.detail) from None
    return Field(name.text, decoded, name.at)
