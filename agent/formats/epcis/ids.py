"""Ids in EPCIS: GS1 keys in their canonical form, everything else as the owner's URI (D-133).

    urn:epc:id:sgtin:4012345.011122.25  ->  https://id.gs1.org/01/04012345111224/21/25

Two forms of one id compare equal in the canonical one, a Digital Link.

Sources: GS1 EPC Tag Data Standard (URN forms of the keys); GS1 Digital Link (their paths).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

RESOLVER = "https://id.gs1.org"
_GS1 = re.compile(r"https?://[^/]+(?:/[^/]+)*?/(\d{2,4})/([^/?#]+)((?:/[^/?#]+/[^/?#]+)*)")
_INSTANCE = re.compile(r"/(21|00|8003|8004|8006|8010|8017|8018|253|255|235|402|401)/")


def check_digit(digits: str) -> int:
    """Return the check digit of GS1 keys for the digits before it.

    Source: GS1 General Specifications, 7.9.1.
    """
    weighted = (int(digit) * (3, 1)[place % 2] for place, digit in enumerate(reversed(digits)))
    return -sum(weighted) % 10


def _checked(digits: str) -> str:
    return f"{digits}{check_digit(digits)}"


def _gtin(parts: list[str]) -> str:
    company, item = parts[0], parts[1]
    return _checked(f"{item[:1]}{company}{item[1:]}")


def _gln(parts: list[str]) -> str:
    return _checked("".join(parts[:2]))


def _sgln(parts: list[str]) -> str:
    extension = parts[2] if len(parts) > 2 else "0"  # noqa: PLR2004 - the third part may lack
    return f"414/{_gln(parts)}" + ("" if extension == "0" else f"/254/{extension}")


_KEYS: Mapping[str, Callable[[list[str]], str]] = {
    "id:sgtin": lambda parts: f"01/{_gtin(parts)}/21/{parts[2]}",
    "class:lgtin": lambda parts: f"01/{_gtin(parts)}/10/{parts[2]}",
    "idpat:sgtin": lambda parts: f"01/{_gtin(parts)}",
    "id:sscc": lambda parts: f"00/{_checked(parts[1][:1] + parts[0] + parts[1][1:])}",
    "id:sgln": _sgln,
    "id:pgln": lambda parts: f"417/{_gln(parts)}",
    "id:grai": lambda parts: f"8003/0{_gln(parts)}{parts[2]}",
    "id:giai": lambda parts: f"8004/{parts[0]}{parts[1]}",
    "id:gsrn": lambda parts: f"8018/{_checked(parts[0] + parts[1])}",
    "id:gsrnp": lambda parts: f"8017/{_checked(parts[0] + parts[1])}",
    "id:gdti": lambda parts: f"253/{_gln(parts)}{parts[2]}",
    "id:gcn": lambda parts: f"255/{_gln(parts)}{parts[2]}",
    "id:cpi": lambda parts: f"8010/{parts[0]}{parts[1]}/8011/{parts[2]}",
    "id:ginc": lambda parts: f"401/{parts[0]}{parts[1]}",
    "id:gsin": lambda parts: f"402/{_checked(parts[0] + parts[1])}",
    "id:itip": lambda parts: f"8006/{_gtin(parts)}{parts[2]}{parts[3]}/21/{parts[4]}",
    "id:upui": lambda parts: f"01/{_gtin(parts)}/235/{parts[2]}",
}
"""Per sort of EPC URN: its Digital Link path."""
_URN = re.compile(r"urn:epc:(id|class|idpat):([a-z]+):(\d+(?:\..+)?)")


def canonical(text: str) -> str:
    """Return an id in its canonical form: a GS1 key as Digital Link, any other as it stands."""
    urn = _URN.fullmatch(text)
    if urn is not None:
        return _from_urn(text, f"{urn[1]}:{urn[2]}", urn[3])
    link = _GS1.fullmatch(text)
    return f"{RESOLVER}/{link[1]}/{link[2]}{link[3]}" if link is not None else text


def _from_urn(text: str, kind: str, body: str) -> str:
    key = _KEYS.get(kind)
    try:
        path = None if key is None else key(body.split("."))
    except (IndexError, ValueError):
        return text
    return text if path is None else f"{RESOLVER}/{path}"


@dataclass(frozen=True, slots=True)
class Ids:
    """How what has no GS1 key is called: below a URI of its owner."""

    base: str = "urn:lineside:id:"
    """Ends in `/` or `:`. Whoever exchanges events names one of their own domain."""

    def thing(self, name: str) -> str:
        """Return the URI of a unit, a component, a carrier or a package."""
        return self._uri(name, "item")

    def lot(self, name: str) -> str:
        """Return the URI of a lot: a class of pieces that are not told apart."""
        return self._uri(name, "lot")

    def order(self, name: str) -> str:
        """Return the URI of a production order."""
        return self._own("order", name)

    def party(self, name: str) -> str:
        """Return the URI of who gets or gives something: a customer, a site."""
        return self._uri(name, "party")

    def document(self, name: str) -> str:
        """Return the URI of a delivery note, or of what else goes with it."""
        return self._uri(name, "document")

    def location(self, station: str, position: str | None = None) -> str:
        """Return the URI of a station, of the line that it is in, or of a position at it."""
        path = station if position is None else f"{station}/{position}"
        return self._own("location", path)

    def _uri(self, name: str, sort: str) -> str:
        found = canonical(name)
        is_uri = found.startswith(("http://", "https://", "urn:"))
        return found if is_uri else self._own(sort, name)

    def _own(self, sort: str, name: str) -> str:
        if self.base.endswith(":"):
            return f"{self.base}{sort}:{quote(name.replace('/', ':'), safe=':-._~')}"
        return f"{self.base}{sort}/{quote(name, safe='/-._~')}"


def is_class(uri: str) -> bool | None:
    """Return whether an id is a class (of a lot, of a product); None: its form does not say."""
    found = canonical(uri)
    if not found.startswith(RESOLVER):
        return None
    return _INSTANCE.search(found) is None
