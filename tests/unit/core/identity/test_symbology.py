"""Symbology identifiers decide what the data is, before any parser sees it."""

import pytest

from agent.core.identity.reading import CodeError, Reason
from agent.core.identity.symbology import GS1_NAMES, NAMES, Carries, Symbology, known, symbology_of


@pytest.mark.parametrize(
    ("identifier", "carries"),
    [
        ("]C1", Carries.ELEMENT_STRING),
        ("]d2", Carries.ELEMENT_STRING),
        ("]Q3", Carries.ELEMENT_STRING),
        ("]J1", Carries.ELEMENT_STRING),
        ("]e0", Carries.ELEMENT_STRING),
        ("]E0", Carries.EAN13),
        ("]E3", Carries.EAN13_ADD_ON),
        ("]E4", Carries.EAN8),
        ("]I1", Carries.ITF14),
        ("]C0", Carries.PLAIN),
        ("]d1", Carries.PLAIN),
        ("]Q1", Carries.PLAIN),
        ("]J0", Carries.PLAIN),
        ("]A0", Carries.PLAIN),
    ],
)
def test_what_a_symbol_carries(identifier: str, carries: Carries) -> None:
    """GS1 data comes under five identifiers only; all the rest is no element string (D-71)."""
    found = known(identifier)
    assert found is not None
    assert found.carries is carries
    assert found.name == GS1_NAMES.get(identifier, NAMES[identifier[1]])


@pytest.mark.parametrize("identifier", ["]c1", "]y1", "]d", "]", "", "d2x", "]d!", "]d22"])
def test_what_is_no_identifier(identifier: str) -> None:
    """An unknown letter, a foreign modifier or another length is no identifier."""
    assert known(identifier) is None


def test_data_without_an_identifier() -> None:
    """Data that does not begin with ] has no identifier."""
    assert symbology_of("WO-4711") is None
    assert symbology_of("]d2X") == Symbology("]d2", "GS1 DataMatrix", Carries.ELEMENT_STRING)


@pytest.mark.parametrize("text", ["]", "]d", "]c101", "]y101"])
def test_unknown_identifier_is_refused(text: str) -> None:
    """What begins with ] and is no identifier is refused, for it could be a cut one."""
    with pytest.raises(CodeError) as refusal:
        symbology_of(text)
    assert (refusal.value.reason, refusal.value.at) == (Reason.BAD_SYMBOLOGY_ID, 0)
    assert refusal.value.detail == f"{text[:3]!r} is not a symbology identifier"
