"""ISO/IEC 15434 messages: sound ones, and the broken forms seen in the field."""

from datetime import date

import pytest

from agent.core.identity.iso15434 import hidden_header, is_message, parse_message
from agent.core.identity.reading import CodeError, Doubt, Envelope, Field, Profile, Reason

TODAY = date(2026, 6, 1)
STRICT = Profile(reference_date=TODAY)


def visible(text: str) -> str:
    """Return a message with its control characters, written as {G} {R} {E} for people."""
    return text.replace("{G}", "\x1d").replace("{R}", "\x1e").replace("{E}", "\x04")


def refusal(text: str, profile: Profile = STRICT) -> tuple[Reason, int]:
    """Return why a message is refused and at which byte."""
    with pytest.raises(CodeError) as caught:
        parse_message(visible(text), profile, 10)
    return caught.value.reason, caught.value.at - 10


def test_envelopes_with_their_places() -> None:
    """Each envelope and each field has its offset in the bytes as received."""
    message = parse_message(visible("[)>{R}06{G}1PAB{G}SX{R}12{G}SER Y{R}{E}"), STRICT, 3)
    assert message.envelopes == (
        Envelope("06", (Field("1P", "AB", 10), Field("S", "X", 15)), 7),
        Envelope("12", (Field("SER", "Y", 21),), 18),
    )
    assert message.doubts == ()


@pytest.mark.parametrize(
    ("text", "reason", "at"),
    [
        ("[)>", Reason.TRUNCATED, 3),
        ("[)>{R}", Reason.TRUNCATED, 4),
        ("[)>{R}{E}", Reason.EMPTY_DATA, 4),
        ("[)>061PAB", Reason.NO_SEPARATORS, 3),
        ("[)>06{G}1PAB{R}{E}", Reason.MISSING_HEADER_RS, 3),
        ("[)>^06^1PAB^", Reason.PLACEHOLDER_SEPARATOR, 3),
        ("[)>{G}06{G}1PAB{R}{E}", Reason.BAD_HEADER, 3),
        ("[)>hello", Reason.BAD_HEADER, 3),
        ("[)>{R}06{G}1PAB", Reason.TRUNCATED, 11),
        ("[)>{R}06{G}1PAB{R}", Reason.MISSING_EOT, 12),
        ("[)>{R}06{G}1PAB{E}", Reason.MISSING_TRAILER_RS, 11),
        ("[)>{R}06{G}1PAB{R}{E}X", Reason.TRAILING_DATA, 13),
        ("[)>{R}06{R}{E}", Reason.EMPTY_DATA, 6),
        ("[)>{R}06{G}{R}{E}", Reason.EMPTY_DATA, 6),
        ("[)>{R}061PAB{G}SX{R}{E}", Reason.MISSING_FORMAT_GS, 6),
        ("[)>{R}061PAB{R}{E}", Reason.NO_SEPARATORS, 6),
        ("[)>{R}99{G}X{R}{E}", Reason.UNKNOWN_FORMAT, 4),
        ("[)>{R}06{G}SX{R}{R}{E}", Reason.EMPTY_DATA, 10),
        ("[)>{R}9{R}{E}", Reason.UNKNOWN_FORMAT, 4),
        ("[)>{R}06{G}1PAB{G}{G}SX{R}{E}", Reason.EMPTY_FIELD, 12),
        ("[)>{R}06{G}1pAB{R}{E}", Reason.BAD_IDENTIFIER, 7),
        ("[)>{R}06{G}1P{R}{E}", Reason.EMPTY_VALUE, 9),
        ("[)>{R}06{G}999YX{R}{E}", Reason.UNKNOWN_IDENTIFIER, 7),
        ("[)>{R}06{G}Q1O{R}{E}", Reason.BAD_VALUE, 8),
        ("[)>{R}06{G}1PA\x00B{R}{E}", Reason.BAD_CHARSET, 10),
        ("[)>{R}12{G}SERX{R}{E}", Reason.BAD_IDENTIFIER, 7),
        ("[)>{R}12{G}SER {R}{E}", Reason.EMPTY_VALUE, 11),
        ("[)>{R}05{G}0109521234543214{R}{E}", Reason.BAD_CHECK_DIGIT, 22),
        ("[)>{R}05{G}91X{G}{R}{E}", Reason.EMPTY_FIELD, 10),
    ],
)
def test_refusals(text: str, reason: Reason, at: int) -> None:
    """A broken message is named by its defect and the byte at which it shows."""
    assert refusal(text) == (reason, at)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("[)>", "nothing follows the header"),
        ("[)>{R}", "nothing follows the header"),
        ("[)>{R}{E}", "the message has no envelope"),
        ("[)>061PAB", "every control character is lost; the fields cannot be told apart"),
        ("[)>06{G}1PAB{R}{E}", "no RS after the header"),
        ("[)>^06^1PAB^", "something stands in place of RS; declare it as separator_text"),
        ("[)>{G}06{G}1PAB{R}{E}", "RS and a format number must follow"),
        ("[)>hello", "RS and a format number must follow"),
        ("[)>{R}06{G}1PAB", "the envelope has no end: nothing proves that its last field is whole"),
        ("[)>{R}06{G}1PAB{R}", "the message has no end (EOT)"),
        ("[)>{R}06{G}1PAB{E}", "no RS before the end (EOT)"),
        ("[)>{R}06{G}1PAB{R}{E}X", "data follows the end of the message"),
        ("[)>{R}06{R}{E}", "the envelope has no field"),
        ("[)>{R}06{G}{R}{E}", "the envelope has no field"),
        ("[)>{R}061PAB{G}SX{R}{E}", "no GS after the format number"),
        ("[)>{R}061PAB{R}{E}", "the separators are lost; the fields cannot be told apart"),
        ("[)>{R}99{G}X{R}{E}", "format '99' is not one of 05, 06, 12"),
        ("[)>{R}06{G}SX{R}{R}{E}", "an envelope without format and fields"),
        ("[)>{R}9{R}{E}", "format '9' is not one of 05, 06, 12"),
        ("[)>{R}06{G}1PAB{G}{G}SX{R}{E}", "two separators in a row, or one at the end"),
        ("[)>{R}06{G}1pAB{R}{E}", "no data identifier begins '1pAB'"),
        ("[)>{R}06{G}1P{R}{E}", "1P has no value"),
        ("[)>{R}06{G}999YX{R}{E}", "999Y is not an allocated data identifier"),
        ("[)>{R}06{G}Q1O{R}{E}", "'1O' cannot be in Q"),
        ("[)>{R}06{G}1PA\x00B{R}{E}", "0x00 cannot be in a field"),
        ("[)>{R}12{G}SERX{R}{E}", "three letters and a space do not begin 'SERX'"),
        ("[)>{R}12{G}SER {R}{E}", "SER has no value"),
        ("[)>{R}05{G}0109521234543214{R}{E}", "check digit of (01) GTIN is 4, wants 3"),
        ("[)>{R}05{G}91X{G}{R}{E}", "a separator ends the envelope"),
    ],
)
def test_refusals_in_words(text: str, detail: str) -> None:
    """The person at the reader is told what is wrong with the label, in one sentence (D-85)."""
    with pytest.raises(CodeError) as caught:
        parse_message(visible(text), STRICT, 10)
    assert caught.value.detail == detail


@pytest.mark.parametrize(
    ("text", "reason", "at", "fields"),
    [
        ("[)>06{G}1PAB{R}{E}", Reason.MISSING_HEADER_RS, 3, (("1P", "AB"),)),
        ("[)>{R}06{G}1PAB{R}", Reason.MISSING_EOT, 12, (("1P", "AB"),)),
        ("[)>{R}06{G}1PAB{E}", Reason.MISSING_TRAILER_RS, 11, (("1P", "AB"),)),
        ("[)>{R}06{G}1PAB{G}{R}{E}", Reason.EMPTY_FIELD, 12, (("1P", "AB"),)),
        ("[)>{R}05{G}91X{G}{R}{E}", Reason.EMPTY_FIELD, 10, (("91", "X"),)),
        ("[)>{R}06{G}999YX{R}{E}", Reason.UNKNOWN_IDENTIFIER, 7, (("999Y", "X"),)),
        ("[)>{R}99{G}A{G}B{R}{E}", Reason.UNKNOWN_FORMAT, 4, (("", "A"), ("", "B"))),
        ("[)>{R}99A{R}{E}", Reason.UNKNOWN_FORMAT, 4, (("", "A"),)),
    ],
)
def test_declared_defects_are_doubts(
    text: str, reason: Reason, at: int, fields: tuple[tuple[str, str], ...]
) -> None:
    """A defect that the profile declares leaves the fields as they are and a doubt (D-78)."""
    profile = Profile(reference_date=TODAY, tolerates=frozenset({reason}))
    message = parse_message(visible(text), profile)
    assert message.doubts == (Doubt(reason, at),)
    assert tuple((f.identifier, f.value) for f in message.envelopes[0].fields) == fields


def test_agreed_identifier_is_known() -> None:
    """An identifier agreed with a partner is no doubt."""
    profile = Profile(reference_date=TODAY, known_identifiers=frozenset({"999Y"}))
    assert parse_message(visible("[)>{R}06{G}999YX{R}{E}"), profile).doubts == ()


@pytest.mark.parametrize(
    "text",
    [
        "[)>{G}06{G}1PAB{G}",
        "[)>{G}06{G}1PAB{G}{G}",
        "[)>{G}06{G}1PAB{G}{E}",
        "[)>{R}06{G}1PAB{R}{E}",
    ],
)
def test_separator_text_stands_for_every_control_character(text: str) -> None:
    """A reader that sends one text for all of them: RS and EOT are told by their places."""
    profile = Profile(reference_date=TODAY, separator_text="^")
    message = parse_message(visible(text), profile)
    assert [f[:2] for f in message.envelopes[0].fields] == [("1P", "AB")]


def test_headers() -> None:
    """A message begins with its header; one that stands further in is a fault of framing."""
    assert is_message("[)>x")
    assert not is_message("[}>")
    assert hidden_header(visible("X[)>{R}06")) == 1
    assert hidden_header(visible("[)>{R}06")) is None
    assert hidden_header("X[)>06") is None
