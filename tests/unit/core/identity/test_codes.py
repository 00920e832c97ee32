"""From the bytes of a frame to a reading: who decides what the data is."""

from dataclasses import replace
from datetime import date

import pytest

from agent.core.identity.codes import parse
from agent.core.identity.reading import (
    LONGEST_READ,
    Assume,
    CodeError,
    Doubt,
    Field,
    Form,
    Profile,
    Reason,
)

GTIN = b"09521234543213"
PROFILE = Profile(reference_date=date(2026, 6, 1))
GS1 = replace(PROFILE, assume=Assume.GS1)
PLAIN = replace(PROFILE, assume=Assume.PLAIN)


def refusal(raw: bytes, profile: Profile = PROFILE) -> tuple[Reason, int]:
    """Return why a frame is refused and at which byte of it."""
    with pytest.raises(CodeError) as caught:
        parse(raw, profile)
    return caught.value.reason, caught.value.at


@pytest.mark.parametrize(
    ("raw", "reason", "at"),
    [
        (b"", Reason.EMPTY_DATA, 0),
        (b"\r\n", Reason.EMPTY_DATA, 0),
        (b"\n]c1X", Reason.BAD_SYMBOLOGY_ID, 1),
        (b"]d2", Reason.EMPTY_DATA, 3),
        (b"]A0\r", Reason.EMPTY_DATA, 3),
        (b"\n]d205", Reason.UNKNOWN_AI, 4),
        (b"x" * (LONGEST_READ + 1), Reason.TOO_LONG, LONGEST_READ),
        (b"]E0952123454321", Reason.BAD_LENGTH, 3),
        (b"]E39521234543213123", Reason.BAD_LENGTH, 16),
        (b"]E3952123454321312A45", Reason.BAD_LENGTH, 16),
        (b"X[)>\x1e06", Reason.BAD_HEADER, 0),
    ],
)
def test_refusals(raw: bytes, reason: Reason, at: int) -> None:
    """Offsets count in the bytes as received, line ends and symbology identifier included."""
    assert refusal(raw) == (reason, at)


@pytest.mark.parametrize(
    ("raw", "profile", "detail"),
    [
        (b"\r\n", PROFILE, "there is nothing but line ends"),
        (b"]d2", PROFILE, "nothing follows ]d2"),
        (b"x" * (LONGEST_READ + 1), PROFILE, f"no symbol holds {LONGEST_READ + 1} bytes"),
        (b"]E39521234543213123", PROFILE, "an add-on has two or five digits"),
        (b"X[)>\x1e06", PROFILE, "data stands before the header of a message"),
        (b"96385074", GS1, "an item number and an element string at once; send AIM ids"),
        (
            b"01" + GTIN,
            PROFILE,
            "GS1 or plain? let the reader send AIM ids, or declare which",
        ),
    ],
)
def test_refusals_in_words(raw: bytes, profile: Profile, detail: str) -> None:
    """Each says what is wrong and what to declare at the reader or in the station file."""
    with pytest.raises(CodeError) as caught:
        parse(raw, profile)
    assert caught.value.detail == detail


def test_line_ends_belong_to_framing() -> None:
    """CR and LF around the data are taken off; nothing else is (D-86)."""
    reading = parse(b"\n]d201" + GTIN + b"\x1d\r\n", PROFILE)
    assert reading.fields == (Field("01", GTIN.decode(), 4),)
    assert (reading.symbology, reading.form) == ("]d2", Form.ELEMENT_STRING)


@pytest.mark.parametrize(
    ("raw", "value", "ignored"),
    [
        (b"]E09521234543213", GTIN, ()),
        (b"]E496385074", b"00000096385074", ()),
        (b"]I119521234543210", b"19521234543210", ()),
        (b"]E3952123454321312", GTIN, ("12",)),
        (b"]E3952123454321312345", GTIN, ("12345",)),
    ],
)
def test_item_numbers(raw: bytes, value: bytes, ignored: tuple[str, ...]) -> None:
    """The symbols of retail carry a bare GTIN, which becomes AI 01."""
    reading = parse(raw, PROFILE)
    assert reading.form is Form.ITEM_NUMBER
    assert reading.fields == (Field("01", value.decode(), 3),)
    assert reading.ignored == ignored


@pytest.mark.parametrize(
    ("raw", "form"),
    [
        (b"WO-4711", Form.PLAIN),
        (b"]d101" + GTIN, Form.PLAIN),
        (b"https://x.at/about", Form.PLAIN),
        (b"https://x.at/01/" + GTIN, Form.DIGITAL_LINK),
        (b"]Q1https://x.at/01/" + GTIN, Form.DIGITAL_LINK),
        (b"[)>\x1e06\x1d1PAB\x1e\x04", Form.ISO15434),
    ],
)
def test_data_without_a_gs1_mark(raw: bytes, form: Form) -> None:
    """Without a GS1 symbology the data is a message, a link or plain text (D-71)."""
    reading = parse(raw, PROFILE)
    assert reading.form is form
    assert (form is Form.PLAIN) == (reading.fields == ())


@pytest.mark.parametrize("raw", [b"01" + GTIN, b"96385074", b"91LINE7", b"10LOT"])
def test_what_could_be_two_things(raw: bytes) -> None:
    """Data that reads as GS1 is undecided where nothing says what it is."""
    if raw == b"10LOT":  # a lot alone is no GS1 message, so it can only be plain
        assert parse(raw, PROFILE).form is Form.PLAIN
    else:
        assert refusal(raw) == (Reason.UNDECIDED, 0)


def test_the_profile_decides_without_an_identifier() -> None:
    """What the station declares is what data without an identifier is."""
    assert parse(b"01" + GTIN, GS1).form is Form.ELEMENT_STRING
    assert parse(b"01" + GTIN, PLAIN).form is Form.PLAIN
    assert parse(b"[)>\x1e06\x1d1PAB\x1e\x04", GS1).form is Form.ISO15434
    assert parse(b"[)>\x1e06\x1d1PAB\x1e\x04", PLAIN).form is Form.PLAIN
    assert refusal(b"WO-4711", GS1) == (Reason.UNKNOWN_AI, 0)


def test_a_digit_string_that_is_two_things_stays_undecided() -> None:
    """96385074 is a GTIN-8 and AI 96, also where GS1 is assumed."""
    assert refusal(b"96385074", GS1) == (Reason.UNDECIDED, 0)


def test_the_station_may_read_a_symbology_otherwise() -> None:
    """A profile can declare that plain Data Matrix carries GS1, or that ITF carries plain text."""
    declared = replace(PROFILE, read_as={"]d1": Assume.GS1, "]I1": Assume.PLAIN})
    assert parse(b"]d101" + GTIN, declared).form is Form.ELEMENT_STRING
    assert parse(b"]I1123456", declared).form is Form.PLAIN


def test_declared_leading_separator_is_a_doubt() -> None:
    """FNC1 of the first position sent as GS is accepted where declared, and two are not."""
    declared = replace(PROFILE, tolerates=frozenset({Reason.EMPTY_ELEMENT}))
    reading = parse(b"]d2\x1d01" + GTIN, declared)
    assert reading.doubts == (Doubt(Reason.EMPTY_ELEMENT, 3),)
    assert reading.fields[0].at == 4
    assert refusal(b"]d2\x1d\x1d01" + GTIN, declared) == (Reason.EMPTY_ELEMENT, 4)


def test_separator_text_is_replaced_and_places_stay_true() -> None:
    """Offsets count in what the reader sent, its separator text included (D-84)."""
    declared = replace(GS1, separator_text="<GS>")
    reading = parse(b"01" + GTIN + b"10L1<GS>21S1<GS>91X", declared)
    assert [(f.identifier, f.at) for f in reading.fields] == [
        ("01", 0),
        ("10", 16),
        ("21", 24),
        ("91", 32),
    ]
    assert refusal(b"01" + GTIN + b"10L1<GS>05X", declared) == (Reason.UNKNOWN_AI, 24)
    assert parse(b"01" + GTIN, declared).fields == (Field("01", GTIN.decode(), 0),)


def test_separator_text_in_a_message() -> None:
    """Envelopes, fields and doubts keep their true places too."""
    declared = replace(
        PROFILE, separator_text="{}", tolerates=frozenset({Reason.UNKNOWN_IDENTIFIER})
    )
    reading = parse(b"[)>{}06{}1PAB{}999YX{}", declared)
    assert reading.envelopes[0].at == 5
    assert [f.at for f in reading.envelopes[0].fields] == [9, 15]
    assert reading.doubts == (Doubt(Reason.UNKNOWN_IDENTIFIER, 15),)


@pytest.mark.parametrize(
    ("data", "reason", "at"),
    [
        (b"10LOT7", Reason.MISSING_EXPECTED_AI, 16),
        (b"10LOT721XY99", Reason.SUSPECT_SEPARATOR, 16),
        (b"17261231", Reason.MISSING_EXPECTED_AI, 16),
    ],
)
def test_expected_identifiers(data: bytes, reason: Reason, at: int) -> None:
    """A label that lacks what it must carry is refused; a lost separator is named (D-85)."""
    declared = replace(GS1, expect=frozenset({"01", "21"}))
    assert refusal(b"01" + GTIN + data, declared) == (reason, at)
    tolerant = replace(declared, tolerates=frozenset({Reason.MISSING_EXPECTED_AI}))
    assert parse(b"01" + GTIN + data, tolerant).doubts == (Doubt(Reason.MISSING_EXPECTED_AI, at),)


def test_expected_identifiers_that_are_there() -> None:
    """A label that carries them passes, and plain text has none to expect."""
    declared = replace(GS1, expect=frozenset({"01", "21"}))
    assert parse(b"01" + GTIN + b"21S1", declared).doubts == ()
    assert parse(b"]A0WO-4711", declared).form is Form.PLAIN


def test_expected_data_identifiers() -> None:
    """Data identifiers can be expected as well."""
    declared = replace(PROFILE, expect=frozenset({"1P", "S"}))
    assert refusal(b"[)>\x1e06\x1d1PABS\x1e\x04", declared)[0] is Reason.MISSING_EXPECTED_AI


@pytest.mark.parametrize(
    ("raw", "form", "text"),
    [
        (b"]E4" + b"96385074", Form.ITEM_NUMBER, "96385074"),
        (b"]I1" + GTIN, Form.ITEM_NUMBER, GTIN.decode()),
        (b"]A0WO-1", Form.PLAIN, "WO-1"),
        (b"]d1[)>\x1e06\x1d1PABS\x1e\x04", Form.ISO15434, "[)>\x1e06\x1d1PABS\x1e\x04"),
        (b"]Q1https://x.at/01/" + GTIN, Form.DIGITAL_LINK, "https://x.at/01/" + GTIN.decode()),
    ],
)
def test_a_reading_names_its_symbology(raw: bytes, form: Form, text: str) -> None:
    """Whatever it was read as, with the text behind the identifier; spaces belong to it."""
    reading = parse(raw, PROFILE)
    assert (reading.form, reading.symbology, reading.text) == (form, raw[:3].decode(), text)
    plain = parse(b"]A0 WO-1 \r\n", PROFILE)
    assert (plain.symbology, plain.text) == ("]A0", " WO-1 ")
