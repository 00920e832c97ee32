"""Laws of identification, for every input."""

import re
import string
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from biip import ParseConfig
from biip.gs1_messages import GS1Message
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from agent.core.identity import code_lists, gs1
from agent.core.identity.automaton import automaton_of, literal
from agent.core.identity.codes import parse
from agent.core.identity.digital_link import canonical, parse_link
from agent.core.identity.gs1_checks import check_digit, check_pair
from agent.core.identity.gs1_table import (
    ALPHABETS,
    CSET82,
    ApplicationIdentifier,
    Component,
    code_lengths,
    table,
)
from agent.core.identity.pattern import Pattern, PatternError, compile_pattern
from agent.core.identity.reading import GS, Assume, CodeError, Form, Profile, Reading, Reason
from agent.core.identity.rules import (
    DataMatch,
    Gs1Match,
    Identified,
    Means,
    NoRead,
    Refused,
    RegexMatch,
    ScanRule,
    judge,
)

TODAY = date(2026, 6, 1)
AS_WRITTEN = ParseConfig(gs1_element_strings_verify_date=False)
"""Biip takes the end of a harvest range (7007) for a time of day; dates are ours to judge."""
PROFILES = [Profile(reference_date=TODAY, assume=assume_) for assume_ in Assume] + [
    Profile(reference_date=TODAY, assume=Assume.GS1, separator_text="<GS>"),
    Profile(
        reference_date=TODAY,
        expect=frozenset({"01", "21"}),
        tolerates=frozenset({Reason.EMPTY_ELEMENT, Reason.MISSING_EOT, Reason.UNKNOWN_FORMAT}),
    ),
]
FRAGMENTS = st.sampled_from(
    [
        b"]d2", b"]C1", b"]Q1", b"]E0", b"]I1", b"]E3", b"]c1", b"\x1d", b"\x1e", b"\x04", b"\r\n",
        b"[)>\x1e", b"06\x1d", b"05\x1d", b"12\x1d", b"1PAB", b"SX1", b"Q12", b"D260131", b"SER X",
        b"0109521234543213", b"21", b"SN1", b"10", b"LOT42", b"17261231", b"3103001250", b"37",
        b"https://x.at/", b"01/09521234543213", b"/21/", b"/10/", b"?17=261231", b"&", b"%2F",
        b"<GS>",
        b"00095212340000000174", b"8008", b"2601151342", b"9521234543213", b"96385074",
    ]
)  # fmt: skip
FRAMES = st.one_of(st.binary(max_size=64), st.lists(FRAGMENTS, max_size=8).map(b"".join))

DAYS = st.dates(date(1977, 1, 1), date(2076, 12, 31))
DIGITS = st.sampled_from(string.digits)
MADE: dict[str, st.SearchStrategy[str]] = {
    "yymmd0": DAYS.map(lambda day: f"{day:%y%m%d}"),
    "yymmdd": DAYS.map(lambda day: f"{day:%y%m%d}"),
    "yyyymmdd": DAYS.map(lambda day: f"{day:%Y%m%d}"),
    "hh": st.integers(0, 23).map("{:02}".format),
    "mi": st.integers(0, 59).map("{:02}".format),
    "ss": st.integers(0, 59).map("{:02}".format),
    "hhmi": st.tuples(st.integers(0, 23), st.integers(0, 59)).map(lambda t: f"{t[0]:02}{t[1]:02}"),
    "iso3166": st.sampled_from(sorted(code_lists.COUNTRIES)),
    "iso3166999": st.just("999"),
    "iso3166alpha2": st.sampled_from(sorted(code_lists.COUNTRY_LETTERS)),
    "iso4217": st.sampled_from(sorted(code_lists.CURRENCIES)),
    "iso5218": st.sampled_from("0129"),
    "packagetype": st.sampled_from(sorted(code_lists.PACKAGE_TYPES)),
    "mediatype": st.sampled_from(["01", "10", "80", "99"]),
    "winding": st.sampled_from("019"),
    "yesno": st.sampled_from("01"),
    "zero": st.just("0"),
    "hyphen": st.just("-"),
    "iban": st.just("BE71096123456769"),
    "latitude": st.integers(0, 1_800_000_000).map("{:010}".format),
    "longitude": st.integers(0, 3_600_000_000).map("{:010}".format),
    "couponcode": st.sampled_from(["012345612345611110123", "0123456123456111101233270131"]),
    "couponposoffer": st.sampled_from(["001234561234560123456", "0012345612345611234567"]),
    "posinseqslash": st.sampled_from(["1/1", "2/3"]),
    "importeridx": st.sampled_from("A0_-"),
    "nozeroprefix": st.integers(0, 999_999_999_999).map(str),
}
ADJUST: dict[str, Callable[[str], str]] = {
    "csum": lambda text: text[:-1] + check_digit(text[:-1]),
    "csumalpha": lambda text: text[:-2] + check_pair(text[:-2]),
    "gcppos1": lambda text: "9521" + text[4:],
    "gcppos2": lambda text: text[:1] + "9521" + text[5:],
    "nonzero": lambda text: text[:-1] + "1",
    "hasnondigit": lambda text: text[:4] + "A" + text[5:],
    "pieceoftotal": lambda text: "0102" if text else text,
    "pcenc": lambda text: text.replace("%", "x"),
}
ORDER = ["gcppos1", "gcppos2", "hasnondigit"]


@st.composite
def component_values(draw: st.DrawFn, part: Component) -> str:
    """Draw a right value of one component."""
    for name in part.checks:
        if name in MADE:
            return draw(MADE[name])
    alphabet = (
        ALPHABETS[part.alphabet].replace("=", "")
        if part.alphabet == "Z"
        else (ALPHABETS[part.alphabet])
    )
    least = max(part.shortest, min(part.longest, 8)) if part.checks else part.shortest
    text = draw(st.text(alphabet, min_size=least, max_size=part.longest))
    for name in sorted(part.checks, key=lambda check: (check not in ORDER, check)):
        text = ADJUST[name](text)
    return text


@st.composite
def values(draw: st.DrawFn, ai: ApplicationIdentifier) -> str:
    """Draw a right value of an identifier; optional components may be absent."""
    text = ""
    for part in ai.components:
        if part.optional and not draw(st.booleans()):
            break
        text += draw(component_values(part))
    return text


@pytest.mark.parametrize("family", sorted({code[:3] for code in table()}))
@settings(max_examples=3)
@given(data=st.data())
def test_encoded_elements_decode(family: str, data: st.DataObject) -> None:
    """What is written by the dictionary reads back as it was, by both readers.

    Every identifier of the table stands once between two neighbours.
    """
    for code in (code for code in table() if code.startswith(family)):
        ai = table()[code]
        value = data.draw(values(ai), label=code)
        text = f"91A{GS}{code}{value}{'' if ai.predefined else GS}90Z"
        fields = gs1.split(text, TODAY)
        assert [field[:2] for field in fields] == [("91", "A"), (code, value), ("90", "Z")]
        if "=" not in value:
            seen = GS1Message.parse(text, config=AS_WRITTEN).element_strings
            assert [(one.ai.ai, one.value) for one in seen] == [field[:2] for field in fields]


@given(frame=FRAMES, profile=st.sampled_from(PROFILES))
@settings(max_examples=2000)
def test_only_the_declared_refusal_leaves(frame: bytes, profile: Profile) -> None:
    """Any bytes give a reading or a refusal, and a refusal points into them."""
    at, detail = 0, "accepted"
    try:
        parse(frame, profile)
    except CodeError as error:
        at, detail = error.at, error.detail
    assert 0 <= at <= len(frame)
    assert detail


@given(frame=FRAMES, profile=st.sampled_from(PROFILES[:3]))
@settings(max_examples=2000)
def test_nothing_is_invented(frame: bytes, profile: Profile) -> None:
    """Every field stands in the bytes where the reading says that it does, and none is left out."""
    try:
        reading = parse(frame, profile)
    except CodeError:
        reject()
    if reading.form is Form.ELEMENT_STRING:
        rebuilt(frame, reading)
    elif reading.form is Form.ISO15434:
        for envelope in reading.envelopes:
            glue = b" " if envelope.format == "12" else b""
            for field in envelope.fields:
                wanted = field.identifier.encode() + glue + field.value.encode("latin-1")
                assert frame[field.at :].startswith(wanted)


def rebuilt(frame: bytes, reading: Reading) -> None:
    """Hold the fields of an element string against the bytes."""
    seen = b""
    for field in reading.fields:
        written = (field.identifier + field.value).encode("latin-1")
        assert frame[field.at :].startswith(written)
        seen += written
    data = reading.text.encode("latin-1").replace(b"\x1d", b"")
    if len({f.identifier for f in reading.fields}) == len(reading.fields) and len(seen) == len(
        data
    ):
        assert seen == data
    else:  # an equal repeat was kept once
        assert len(seen) < len(data)


@given(
    digits=st.text(string.digits, min_size=13, max_size=13),
    at=st.integers(0, 13),
    other=DIGITS,
)
def test_one_wrong_digit_of_a_gtin_is_refused(digits: str, at: int, other: str) -> None:
    """A GTIN with one digit misread never passes (D-73)."""
    gtin = digits + check_digit(digits)
    wrong = gtin[:at] + other + gtin[at + 1 :]
    profile = Profile(reference_date=TODAY)
    raw = f"]d201{wrong}21S1".encode()
    if wrong == gtin:
        assert parse(raw, profile).fields[0].value == gtin
    else:
        with pytest.raises(CodeError) as refusal:
            parse(raw, profile)
        assert refusal.value.reason is Reason.BAD_CHECK_DIGIT


@given(
    lot=st.text(CSET82, min_size=1, max_size=20), serial=st.text(CSET82, min_size=1, max_size=20)
)
def test_identities_survive_their_link(lot: str, serial: str) -> None:
    """A canonical link reads back as the pairs it was made of, whatever their characters (D-77)."""
    pairs = [("01", "09521234543213"), ("10", lot), ("21", serial)]
    link = parse_link(canonical(pairs), TODAY)
    assert link is not None
    assert [field[:2] for field in link.fields] == pairs
    assert canonical([field[:2] for field in link.fields]) == canonical(pairs)


@given(text=st.text("0123456789ABab\x1d<>^", max_size=40), days=st.integers(0, 20_000))
def test_readings_depend_on_their_input_alone(text: str, days: int) -> None:
    """The same bytes on the same day give the same verdict: no clock, no memory (D-75)."""
    profile = Profile(reference_date=TODAY + timedelta(days=days), assume=Assume.GS1)
    verdicts = []
    for _ in range(2):
        try:
            verdicts.append(repr(parse(text.encode(), profile)))
        except CodeError as error:
            verdicts.append(str(error))
    assert verdicts[0] == verdicts[1]


ATOMS = st.sampled_from(["a", "b", r"\d", "[ab]", "[^a]", ".", "x"])
REPEATS = st.sampled_from(["", "?", "*", "+", "{2}", "{1,3}", "{2,}"])


def patterns() -> st.SearchStrategy[str]:
    """Draw patterns of the subset."""
    atoms = st.tuples(ATOMS, REPEATS).map("".join)
    return st.recursive(
        atoms,
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3).map("".join),
            st.tuples(st.lists(inner, min_size=1, max_size=3).map("|".join), REPEATS).map(
                lambda both: f"({both[0]}){both[1]}"
            ),
        ),
        max_leaves=6,
    )


def harmless(source: str) -> Pattern:
    """Return the pattern if it is allowed; pass over the example if it is not."""
    try:
        return compile_pattern(source)
    except PatternError:
        reject()


@given(source=patterns(), text=st.text("ab1x", max_size=6))
@settings(max_examples=300)
def test_automaton_and_engine_agree(source: str, text: str) -> None:
    """What the automaton accepts is what the engine of the standard library matches whole."""
    pattern = harmless(source)
    matched = pattern.compiled.fullmatch(text) is not None
    accepted = bool(text) and pattern.automaton.common(automaton_of(literal(text))) is not None
    assert accepted == matched


@given(left=patterns(), right=patterns())
@settings(max_examples=150)
def test_common_text_is_matched_by_both(left: str, right: str) -> None:
    """A text that two patterns are said to share is matched by both."""
    one, other = harmless(left), harmless(right)
    text = one.automaton.common(other.automaton)
    assert text == other.automaton.common(one.automaton) or text is not None
    if text is not None:
        assert one.compiled.fullmatch(text)
        assert other.compiled.fullmatch(text)


RULES = (
    ScanRule(match=RegexMatch(pattern=r"OP-(?P<operator>\d{4})"), means=Means.OPERATOR),
    ScanRule(match=RegexMatch(pattern=r"[A-Z]{2}\d+"), means=Means.ORDER),
    ScanRule(match=Gs1Match(ais=frozenset({"01", "10"})), means=Means.LOT),
    ScanRule(match=Gs1Match(ais=frozenset({"01", "21"})), means=Means.UNIT),
    ScanRule(match=Gs1Match(ais=frozenset({"01", "10", "21"})), means=Means.UNIT),
    ScanRule(match=DataMatch(identifiers=frozenset({"1P", "S"})), means=Means.UNIT),
)


@given(frame=FRAMES)
@settings(max_examples=1000)
def test_every_frame_is_judged(frame: bytes) -> None:
    """Any bytes are identified, a no-read or refused; an identity is never empty (D-85)."""
    found = judge(frame, RULES, frozenset({b"NOREAD"}), reference_date=TODAY)
    assert isinstance(found, Identified | NoRead | Refused)
    if isinstance(found, Identified):
        assert found.code
        assert found.means is RULES[found.rule].means


def test_every_identifier_is_reached_by_its_digits() -> None:
    """No identifier hides behind a shorter one with the same first digits (D-69)."""
    reached = {code[: code_lengths()[code[:2]]] for code in table()}
    assert reached == set(table())
    assert all(re.fullmatch(r"\d{2,4}", code) for code in reached)
