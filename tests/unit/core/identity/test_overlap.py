"""Rules that get in each other's way are found before any code comes."""

from typing import Any

import pytest

from agent.core.identity.overlap import Fault, faults, overlaps
from agent.core.identity.scan_rule import DataMatch, Gs1Match, Match, Means, RegexMatch, ScanRule

GTIN, OTHER = "09521234543213", "09506000134352"
D1, Q1 = frozenset({"]d1"}), frozenset({"]Q1"})


def rule(match: Match | str, **more: Any) -> ScanRule:  # noqa: ANN401 - any field
    """Return a rule for units; a text stands for a pattern."""
    if isinstance(match, str):
        match = RegexMatch(pattern=match)
    return ScanRule(match=match, means=Means.UNIT, **more)


def gs1(ais: str, also: str = "") -> Gs1Match:
    """Return a match of application identifiers."""
    return Gs1Match(ais=frozenset(ais.split()), also=frozenset(also.split()))


def data(identifiers: str, form: str = "06") -> DataMatch:
    """Return a match of fields in a message."""
    return DataMatch(identifiers=frozenset(identifiers.split()), format=form)


@pytest.mark.parametrize(
    ("left", "right", "shared"),
    [
        (rule(r"OP-\d{4}"), rule(r"WO-\d{6}"), None),
        (rule(r"OP-\d{4}"), rule(r"[A-Z]{2}-\d+"), "'OP-0000'"),
        (rule(r"OP-\d{4}"), rule(r"op-\d+", caseless=False), None),
        (rule(r"\d+", prefix="A"), rule(r"A1"), "'A1'"),
        (rule(r"\d+", max_length=4), rule(r"\d+", min_length=5), None),
        (rule(r"\d+", symbologies=D1), rule(r"\d+", symbologies=Q1), None),
        (rule(r"\d+", symbologies=D1), rule(r"\d+"), "'0'"),
        (rule(r"\d+", charset="1"), rule(r"\d+"), None),  # the text found breaks a policy
        (rule(gs1("01 21")), rule(gs1("01 21")), "codes with 01, 21"),
        (rule(gs1("01 21")), rule(gs1("01 21 10")), None),
        (rule(gs1("01 21", "10")), rule(gs1("01 21 10")), "codes with 01, 10, 21"),
        (rule(gs1("01 21")), rule(data("01 21", "05")), "codes with 01, 21"),
        (rule(gs1("01 21")), rule(data("1P S")), None),
        (rule(data("1P S")), rule(data("1P S")), "codes with 1P, S"),
        (
            rule(gs1("01 21"), gtins=frozenset({GTIN})),
            rule(gs1("01 21"), gtins=frozenset({OTHER})),
            None,
        ),
        (rule(gs1("01 21"), gtins=frozenset({GTIN})), rule(gs1("01 21")), "codes with 01, 21"),
        (
            rule(gs1("01 21"), gtins=frozenset({GTIN})),
            rule(gs1("01 21"), product_pattern="0950.*"),
            None,
        ),
        (
            rule(gs1("01 21"), product_pattern="0952.*"),
            rule(gs1("01 21"), product_pattern="0950.*"),
            None,
        ),
        (
            rule(gs1("01 21"), product_pattern="0952.*"),
            rule(gs1("01 21"), product_pattern="09.*"),
            "codes with 01, 21",
        ),
        (
            rule(r"\d{18}[A-Z]"),
            rule(gs1("01 21")),
            "codes of (01)(21) such as '010000000000000021A', once as text and once as GS1",
        ),
        (
            rule(gs1("01 21")),
            rule(r"\d{18}[A-Z]"),
            "codes of (01)(21) such as '010000000000000021A', once as text and once as GS1",
        ),
        (rule(r"SN\d+"), rule(gs1("01 21")), None),
        (rule(r"\d+", symbologies=D1), rule(gs1("01 21")), None),
        (rule(r".+"), rule(gs1("01 21 10")), None),  # its codes hold a separator
        (rule(r".+"), rule(data("1P S")), None),
        (rule(r"\d{13}"), rule(gs1("8003")), None),
        (
            rule(r"8003\d{14}"),
            rule(gs1("8003")),
            "codes of (8003) such as '800300000000000000', once as text and once as GS1",
        ),
    ],
)
def test_pairs(left: ScanRule, right: ScanRule, shared: str | None) -> None:
    """A pair overlaps where a code is found that fits both; only then."""
    wanted = () if shared is None else (Fault((0, 1), f"both accept {shared}"),)
    assert overlaps((left, right)) == wanted


def test_item_numbers_are_codes_of_one_identifier() -> None:
    """A rule for (01) alone accepts the bare numbers of retail, and so may a pattern."""
    product = ScanRule(match=gs1("01"), means=Means.COMPONENT, position="box")
    assert len(overlaps((rule(r"\d{13}"), product))) == 1
    assert overlaps((rule(r"\d{12}"), product)) == ()


def test_many_predefined_identifiers_are_tried_in_one_order() -> None:
    """Five identifiers of predefined length have too many orders to try."""
    many = rule(gs1("01 11 13 15 17 21"))
    assert len(overlaps((rule(r"01\d{54}[A-Z]"), many))) == 1


def test_no_read_strings_are_no_codes() -> None:
    """A rule that accepts a no-read string is a fault, beside the overlaps (D-81)."""
    rules = (rule(r"[A-Z]+"), rule(r"N\d+"), rule(r"N.+", check_digit=True))
    found = faults(rules, [b"NOREAD", b"NR"])
    assert found[-2:] == (
        Fault((0,), "accepts 'NOREAD', a no-read or heartbeat (D-81)"),
        Fault((0,), "accepts 'NR', a no-read or heartbeat (D-81)"),
    )
    assert faults((rule(r"N\d+"),), [b"NOREAD"]) == ()
