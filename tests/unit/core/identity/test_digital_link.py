"""Digital Links: read strictly, written canonically."""

from datetime import date

import pytest

from agent.core.identity.digital_link import canonical, is_web_address, parse_link
from agent.core.identity.reading import CodeError, Doubt, Field, Reason

TODAY = date(2026, 6, 1)
GTIN = "09521234543213"
SITE = "https://x.at"


def refusal(path: str) -> tuple[Reason, int]:
    """Return why a link is refused and where, counted from the start of its path."""
    with pytest.raises(CodeError) as caught:
        parse_link(SITE + path, TODAY)
    return caught.value.reason, caught.value.at - len(SITE)


def test_fields_with_their_places() -> None:
    """Key, qualifiers and attributes come in the order of the link, each with its offset."""
    link = parse_link(f"{SITE}/01/{GTIN}/10/L%2F1?17=261231&x=y&flag#top", TODAY, base=3)
    assert link is not None
    assert link.fields == (
        Field("01", GTIN, 16),
        Field("10", "L/1", 34),
        Field("17", "261231", 43),
    )
    assert link.ignored == ("x=y", "flag")
    assert link.doubts == ()


@pytest.mark.parametrize(
    "text",
    [
        "https://x.at",
        "https://x.at/",
        "https://x.at/about/us",
        "https://x.at/10/news",
        "https://x.at/shop/12345678",
        "https://x.at/10/12345678/x",
        "https:///01/09521234543213",
        "HTTP://x.at?01=09521234543213",
        "ftp://x.at/01/09521234543213",
    ],
)
def test_addresses_without_a_key_are_no_links(text: str) -> None:
    """A web address without a primary key in its path is no Digital Link, or no address."""
    assert parse_link(text, TODAY) is None


@pytest.mark.parametrize(
    ("path", "reason", "at"),
    [
        (f"/01/{GTIN}/", Reason.DL_NO_KEY, 1),
        (f"/01/{GTIN}/xx/SN1", Reason.DL_NO_KEY, 1),
        (f"/01/{GTIN}/21/S1/10/L1", Reason.DL_ORDER, 19),
        (f"/01/{GTIN}/17/261231", Reason.DL_ORDER, 19),
        (f"/01/{GTIN}/22/A/235/B", Reason.DL_ORDER, 19),
        ("/00/095212340000000174/21/S1", Reason.DL_ORDER, 23),
        (f"/01/{GTIN}?777=1", Reason.UNKNOWN_AI, 19),
        (f"/01/{GTIN}?a=b&21=S", Reason.DL_QUALIFIER_IN_QUERY, 23),
        (f"/01/{GTIN}/?10=L", Reason.DL_NO_KEY, 1),
        (f"/01//{GTIN}", Reason.DL_NO_KEY, 1),
        (f"/10/L1/01/{GTIN}", Reason.DL_ORDER, 1),
        (f"/01/{GTIN}/01/{GTIN}", Reason.DL_ORDER, 1),
        (f"/01/{GTIN}/10/L1/00/095212340000000174", Reason.DL_ORDER, 1),
        (f"/01/{GTIN}?%31%37=261231", Reason.UNKNOWN_AI, 19),
        (f"/01/{GTIN}?10=L", Reason.DL_QUALIFIER_IN_QUERY, 19),
        (f"/01/{GTIN}?400=A+B", Reason.BAD_CHARSET, 24),
        (f"/01/{GTIN}?400=A+B+C", Reason.BAD_CHARSET, 24),
        (f"/01/{GTIN}?17=", Reason.EMPTY_VALUE, 22),
        (f"/01/{GTIN}?17", Reason.EMPTY_VALUE, 21),
        (f"/01/{GTIN}?17=261231&17=261230", Reason.REPEATED_AI, 29),
        (f"/01/{GTIN}/21/S%2", Reason.BAD_CHARSET, 23),
        (f"/01/{GTIN}/21/%53%00", Reason.BAD_CHARSET, 25),
        ("/01/news", Reason.BAD_CHARSET, 4),
        ("/01/9521234543213", Reason.BAD_LENGTH, 17),
    ],
)
def test_refusals(path: str, reason: Reason, at: int) -> None:
    """A broken link is refused at the byte that breaks it."""
    assert refusal(path) == (reason, at)


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        (f"/01/{GTIN}/", "after the key (01) come no whole pairs"),
        (f"/10/L1/01/{GTIN}", "(10) stands before the key (01)"),
        (
            f"/01/{GTIN}/21/S1/10/L1",
            "after (01) may stand 22/10/21 or 235, in this order",
        ),
        ("/00/095212340000000174/21/S1", "after (00) may stand nothing, in this order"),
        (f"/01/{GTIN}?777=1", "(777) is not an application identifier"),
        (f"/01/{GTIN}?%31%37=261231", "an identifier is written in plain digits"),
        (f"/01/{GTIN}?21=S", "(21) cannot be an attribute beside the key (01)"),
        (f"/01/{GTIN}?10=L", "(10) cannot be an attribute beside the key (01)"),
        (f"/01/{GTIN}?400=A+B", "a plus sign in a query is to be written %2B"),
        (f"/01/{GTIN}/21/S%2", "a percent sign without two hexadecimal digits"),
        (f"/01/{GTIN}?17=261301", "'261301' cannot be in (17) USE BY or EXPIRY"),
    ],
)
def test_refusals_in_words(path: str, detail: str) -> None:
    """Each says what is wrong with which identifier, for whoever prints such links."""
    with pytest.raises(CodeError) as caught:
        parse_link(SITE + path, TODAY)
    assert caught.value.detail == detail


def test_a_value_is_decoded_once_and_byte_by_byte() -> None:
    """A percent sign that is written as such stays one; offsets count what is written."""
    link = parse_link(f"{SITE}/01/{GTIN}/21/a%2525?400=%2B&&240=x", TODAY)
    assert link is not None
    assert [field[:2] for field in link.fields[1:]] == [("21", "a%25"), ("400", "+"), ("240", "x")]
    assert link.ignored == ()


def test_the_end_of_a_web_address_says_nothing() -> None:
    """What follows `#` is for the browser, also where it looks like a key or a query."""
    link = parse_link(f"{SITE}/01/{GTIN}#?17=261231#/21/S", TODAY)
    assert link is not None
    assert [field[:2] for field in link.fields] == [("01", GTIN)]


@pytest.mark.parametrize("stem", ["", "/shop/55", "/10", "/97/x", "/a/10//b", "/01/news"])
def test_any_other_path_may_stand_before_the_key(stem: str) -> None:
    """What a resolver puts in front of the key is its own business, digits or not."""
    link = parse_link(f"{SITE}{stem}/01/{GTIN}", TODAY)
    assert link is not None
    assert [field[:2] for field in link.fields] == [("01", GTIN)]


def test_declared_qualifier_in_query_is_a_doubt() -> None:
    """A qualifier among the attributes is accepted with a doubt where the profile declares it."""
    tolerates = frozenset({Reason.DL_QUALIFIER_IN_QUERY})
    link = parse_link(f"{SITE}/01/{GTIN}?10=L", TODAY, tolerates)
    assert link is not None
    assert link.doubts == (Doubt(Reason.DL_QUALIFIER_IN_QUERY, 31),)
    with pytest.raises(CodeError):  # (21) is no attribute anywhere, whatever is declared
        parse_link(f"{SITE}/01/{GTIN}?21=S", TODAY, tolerates)


def test_equal_attribute_is_kept_once() -> None:
    """The same attribute twice is one."""
    link = parse_link(f"{SITE}/01/{GTIN}?17=261231;17=261231", TODAY)
    assert link is not None
    assert len(link.fields) == 2


def test_canonical_form() -> None:
    """Domain and percent-encoding are fixed, so that equal identities are equal texts (D-77)."""
    link = parse_link(f"HTTP://shop.at/a/55/01/{GTIN}/21/a%2Fb%25?17=261231", TODAY)
    assert link is not None
    pairs = [(field.identifier, field.value) for field in link.fields[:2]]
    assert canonical(pairs) == f"https://id.gs1.org/01/{GTIN}/21/a%2Fb%25"


@pytest.mark.parametrize(
    ("text", "is_one"), [("http://x", True), ("HTTPS://x", True), ("httpx://", False), ("", False)]
)
def test_web_addresses(text: str, *, is_one: bool) -> None:
    """A web address begins with one of two schemes, in any case."""
    assert is_web_address(text) is is_one
