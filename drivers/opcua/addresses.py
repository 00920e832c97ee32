"""How a station file names a node, and what it may name: pure, without the protocol library.

A namespace is named by its URI and never by its number. The number is the place of the URI in a
list that a server may order anew at each start, so that `ns=4` silently becomes another machine
(D-160; PITFALLS U1).

Source: OPC 10000-6, 5.1.12 (NodeId strings) and 5.1.14 (escapes in `nsu=`).
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from uuid import UUID

_FORM = re.compile(
    r"(?:nsu=(?P<uri>[^;]+);|ns=(?P<index>\d+);)?(?P<kind>[isgb])=(?P<id>.+)", re.DOTALL
)
_UA_URI = "http://opcfoundation.org/UA/"
_EXAMPLE = "nsu=urn:acme;s=Press.Count"
_LARGEST_NUMBER = 2**32 - 1


@dataclass(frozen=True, slots=True)
class NodeAddress:
    """One node as the station file names it; which namespace number it has is known per link."""

    uri: str | None
    """The namespace's URI; None for the standard's own namespace, whose number is always 0."""
    identifier: int | str | UUID | bytes


def parse_node(text: str) -> NodeAddress:
    """Return the node that `text` names.

    Raises:
        ValueError: it is no node, or names its namespace by a number that may change.
    """
    form = _FORM.fullmatch(text)
    if form is None:
        raise ValueError(f"{text!r} is not a node; write it like {_EXAMPLE}")
    if form["index"] is not None and int(form["index"]) > 0:
        raise ValueError(
            f"{text!r} names its namespace by the number {form['index']}, which a server may give "
            f"to another one at its next start; write its URI instead, like {_EXAMPLE} "
            "(not known? with any URI there, `lineside probe` lists those of the server)"
        )
    uri = form["uri"]
    if uri is not None:
        uri = uri.replace("%3B", ";").replace("%25", "%")
    return NodeAddress(None if uri == _UA_URI else uri, _identifier(form["kind"], form["id"], text))


def _identifier(kind: str, text: str, whole: str) -> int | str | UUID | bytes:
    """Return the identifier of a kind: number, string, GUID or bytes in base64."""
    try:
        match kind:
            case "s":
                return text
            case "i":
                number = int(text)
                if not 0 <= number <= _LARGEST_NUMBER:
                    raise ValueError(f"{whole!r}: a numeric node is 0 to {_LARGEST_NUMBER}")
                return number
            case "g":
                return UUID(text)
            case _:
                return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError(f"{whole!r}: what follows `b=` is not base64") from None
