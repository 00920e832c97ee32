"""From the bytes of one frame to a reading, or to the one reason why not.

The order of judgement (D-68, D-71, D-86): line ends off, the symbology identifier judged, the
reader's separator text replaced, then the form that the symbology (or, without one, the profile)
allows. No other bytes are touched and no other error than `CodeError` leaves.
"""

from __future__ import annotations

from collections.abc import Callable

from agent.core.anew import replace
from agent.core.identity import gs1
from agent.core.identity.digital_link import is_web_address, parse_link
from agent.core.identity.gs1_dictionary import RELEASE
from agent.core.identity.gs1_table import table
from agent.core.identity.hibc import FORMAT, looks_like_hibc, parse_hibc
from agent.core.identity.iso15434 import hidden_header, is_message, parse_message
from agent.core.identity.reading import (
    GS,
    LONGEST_READ,
    Assume,
    CodeError,
    Doubt,
    Envelope,
    Field,
    Form,
    Profile,
    Reading,
    Reason,
)
from agent.core.identity.symbology import Carries, Symbology, symbology_of

PARSER = f"lineside-1 biip-5 gs1-{RELEASE}"
"""What read the code: kept with each scan, so that a bug found later is curable (D-68)."""

_LINE_ENDS = "\r\n"
_EAN13 = 13
_EAN8 = 8
_ITF14 = 14
_ADD_ONS = (2, 5)


def parse(raw: bytes, profile: Profile) -> Reading:
    """Return what one frame says.

    Raises:
        CodeError: the code is refused; its offset counts in `raw`.
    """
    if len(raw) > LONGEST_READ:
        raise CodeError(Reason.TOO_LONG, LONGEST_READ, f"no symbol holds {len(raw)} bytes")
    text = raw.decode("latin-1").rstrip(_LINE_ENDS)
    data = text.lstrip(_LINE_ENDS)
    base = len(text) - len(data)
    if not data:
        raise CodeError(Reason.EMPTY_DATA, base, "there is nothing but line ends")
    try:
        symbology = symbology_of(data)
    except CodeError as error:
        raise CodeError(error.reason, error.at + base, error.detail) from None
    if symbology is not None:
        data = data[len(symbology.id) :]
        base += len(symbology.id)
        if not data:
            raise CodeError(Reason.EMPTY_DATA, base, f"nothing follows {symbology.id}")
    read = _reader(symbology, profile)
    if profile.separator_text and profile.separator_text in data:
        return _with_separator_text(read, symbology, data, profile, base)
    return _expected(read(symbology, data, profile, base), profile)


_Reader = Callable[[Symbology | None, str, Profile, int], Reading]


def _reader(symbology: Symbology | None, profile: Profile) -> _Reader:
    """Return how data of this symbology is to be read here."""
    if symbology is None:
        return _ASSUMED[profile.assume]
    declared = profile.read_as.get(symbology.id, Assume.UNKNOWN)
    if declared is Assume.GS1:
        return _gs1_text
    if declared is Assume.PLAIN:
        return _plain
    return _READERS[symbology.carries]


def _with_separator_text(
    read: _Reader, symbology: Symbology | None, data: str, profile: Profile, base: int
) -> Reading:
    """Read data in which the reader's separator text stands for control characters."""
    extra = len(profile.separator_text) - 1
    places: list[int] = []
    parts = data.split(profile.separator_text)
    at = 0
    for part in parts[:-1]:
        at += len(part)
        places.append(at)
        at += 1

    def as_sent(offset: int) -> int:
        return offset + extra * sum(place + base < offset for place in places)

    try:
        reading = _expected(read(symbology, GS.join(parts), profile, base), profile)
    except CodeError as error:
        raise CodeError(error.reason, as_sent(error.at), error.detail) from None
    return replace(
        reading,
        fields=tuple(field._replace(at=as_sent(field.at)) for field in reading.fields),
        envelopes=tuple(
            replace(
                envelope,
                at=as_sent(envelope.at),
                fields=tuple(field._replace(at=as_sent(field.at)) for field in envelope.fields),
            )
            for envelope in reading.envelopes
        ),
        doubts=tuple(doubt._replace(at=as_sent(doubt.at)) for doubt in reading.doubts),
    )


def _element_string(symbology: Symbology | None, data: str, profile: Profile, base: int) -> Reading:
    doubts: tuple[Doubt, ...] = ()
    text = data
    if data.startswith(GS) and Reason.EMPTY_ELEMENT in profile.tolerates:
        doubts = (Doubt(Reason.EMPTY_ELEMENT, base),)
        text, base = data[1:], base + 1
    return Reading(
        form=Form.ELEMENT_STRING,
        symbology=symbology.id if symbology else None,
        text=data,
        fields=gs1.element_strings(text, profile.reference_date, base),
        doubts=doubts,
    )


def _item(symbology: Symbology | None, data: str, base: int, wanted: int) -> Reading:
    field = gs1.item_number(data, base, (wanted,))
    return Reading(
        form=Form.ITEM_NUMBER,
        symbology=symbology.id if symbology else None,
        text=data,
        fields=(field,),
    )


def _ean13(symbology: Symbology | None, data: str, _: Profile, base: int) -> Reading:
    return _item(symbology, data, base, _EAN13)


def _ean8(symbology: Symbology | None, data: str, _: Profile, base: int) -> Reading:
    return _item(symbology, data, base, _EAN8)


def _itf14(symbology: Symbology | None, data: str, _: Profile, base: int) -> Reading:
    return _item(symbology, data, base, _ITF14)


def _ean13_add_on(symbology: Symbology | None, data: str, _: Profile, base: int) -> Reading:
    number, add_on = data[:_EAN13], data[_EAN13:]
    reading = _item(symbology, number, base, _EAN13)
    if len(add_on) not in _ADD_ONS or not add_on.isdecimal():
        raise CodeError(Reason.BAD_LENGTH, base + _EAN13, "an add-on has two or five digits")
    return replace(reading, text=data, ignored=(add_on,))


def _plain(symbology: Symbology | None, data: str, _: Profile, __: int) -> Reading:
    return Reading(form=Form.PLAIN, symbology=symbology.id if symbology else None, text=data)


def _free_text(symbology: Symbology | None, data: str, profile: Profile, base: int) -> Reading:
    """Read the data of a symbol that carries no GS1 mark: a message, a link or plain text."""
    name = symbology.id if symbology else None
    if is_message(data):
        envelopes, doubts = parse_message(data, profile, base)
        fields = tuple(field for envelope in envelopes for field in envelope.fields)
        return Reading(
            form=Form.ISO15434,
            symbology=name,
            text=data,
            fields=fields,
            envelopes=envelopes,
            doubts=doubts,
        )
    if profile.hibc and looks_like_hibc(data):
        fields = parse_hibc(data, profile.reference_date, base)
        whole = Envelope(FORMAT, fields, base)
        return Reading(form=Form.HIBC, symbology=name, text=data, fields=fields, envelopes=(whole,))
    hidden = hidden_header(data)
    if hidden is not None:
        raise CodeError(Reason.BAD_HEADER, base, "data stands before the header of a message")
    if is_web_address(data):
        link = parse_link(data, profile.reference_date, profile.tolerates, base)
        if link is not None:
            return Reading(
                form=Form.DIGITAL_LINK,
                symbology=name,
                text=data,
                fields=link.fields,
                doubts=link.doubts,
                ignored=link.ignored,
            )
    return _plain(symbology, data, profile, base)


def _gs1_text(symbology: Symbology | None, data: str, profile: Profile, base: int) -> Reading:
    """Read data that the station declares to be GS1."""
    if is_message(data) or is_web_address(data) or (profile.hibc and looks_like_hibc(data)):
        return _free_text(symbology, data, profile, base)
    return _element_string(symbology, data, profile, base)


def _assumed_gs1(symbology: Symbology | None, data: str, profile: Profile, base: int) -> Reading:
    reading = _gs1_text(symbology, data, profile, base)
    if reading.form is Form.ELEMENT_STRING and _is_item_number(data):
        raise CodeError(
            Reason.UNDECIDED, base, "an item number and an element string at once; send AIM ids"
        )
    return reading


def _unknown(symbology: Symbology | None, data: str, profile: Profile, base: int) -> Reading:
    reading = _free_text(symbology, data, profile, base)
    if reading.form is Form.PLAIN and not is_web_address(data):
        could_be_gs1 = _is_item_number(data) or gs1.could_be(data, profile.reference_date)
        if could_be_gs1:
            detail = "GS1 or plain? let the reader send AIM ids, or declare which"
            raise CodeError(Reason.UNDECIDED, base, detail)
    return reading


def _is_item_number(data: str) -> bool:
    try:
        gs1.item_number(data)
    except CodeError:
        return False
    return True


_ASSUMED: dict[Assume, _Reader] = {
    Assume.GS1: _assumed_gs1,
    Assume.PLAIN: _plain,
    Assume.UNKNOWN: _unknown,
}
_READERS: dict[Carries, _Reader] = {
    Carries.ELEMENT_STRING: _element_string,
    Carries.EAN13: _ean13,
    Carries.EAN13_ADD_ON: _ean13_add_on,
    Carries.EAN8: _ean8,
    Carries.ITF14: _itf14,
    Carries.PLAIN: _free_text,
}


def _expected(reading: Reading, profile: Profile) -> Reading:
    """Return the reading if it carries what every label here carries (D-85)."""
    if not profile.expect or reading.form is Form.PLAIN:
        return reading
    missing = sorted(profile.expect - {field.identifier for field in reading.fields})
    if not missing:
        return reading
    if Reason.MISSING_EXPECTED_AI in profile.tolerates:
        doubt = Doubt(Reason.MISSING_EXPECTED_AI, reading.fields[-1].at)
        return replace(reading, doubts=(*reading.doubts, doubt))
    hiding = next((field for field in reading.fields if _may_hide(field, missing)), None)
    if hiding is not None:
        detail = f"({hiding.identifier}) may hold {missing[0]} behind a lost separator"
        raise CodeError(Reason.SUSPECT_SEPARATOR, hiding.at, detail)
    detail = f"{', '.join(missing)} must be on this label"
    raise CodeError(Reason.MISSING_EXPECTED_AI, reading.fields[-1].at, detail)


def _may_hide(field: Field, missing: list[str]) -> bool:
    ai = table().get(field.identifier)
    if ai is None or ai.predefined:
        return False
    return any(code in field.value[1:] for code in missing)
