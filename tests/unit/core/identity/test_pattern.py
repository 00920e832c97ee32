"""Patterns of plain codes: harmless ones pass, all others are refused with the place."""

import pytest

from agent.core.identity.pattern import PatternError, compile_pattern

ENDS = "the pattern ends too early: close each ( and [, and end with no \\"


@pytest.mark.parametrize(
    ("source", "text", "groups"),
    [
        (r"OP-(?P<operator>\d{4})", "OP-4711", {"operator": "4711"}),
        (r"^(?P<lot>[A-Z0-9]{1,10})-?(?P<n>\d{3})$", "AB12-001", {"lot": "AB12", "n": "001"}),
        (r"(?:A|B)(\s)\.[^a-z]\w\D", "A .Xx-", {}),
        (r"[\d\-a]+", "1-a", {}),
        (r"[a-]{2,}", "a-", {}),
        (r"x?y*z+", "yyz", {}),
        (r"(?P<a>q)?.", "qx", {"a": "q"}),
        (r"[!-/]", "+", {}),
        (r"\+\S\W", "+x+", {}),
        (r"[+-\-]", ",", {}),
    ],
)
def test_harmless_patterns(source: str, text: str, groups: dict[str, str]) -> None:
    """A pattern of the subset matches as the engine of the standard library does."""
    pattern = compile_pattern(source)
    match = pattern.compiled.fullmatch(text)
    assert match is not None
    assert {name: match[name] for name in groups} == groups
    assert pattern.names == frozenset(groups)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("(a", "character 3: a group is not closed"),
        ("a)", "character 2: unbalanced or misplaced character"),
        ("a$b", "character 2: '$' here must be written \\$"),
        ("*a", "character 1: '*' here must be written \\*"),
        ("a**", "character 3: a repeat of a repeat, or a lazy or possessive one"),
        ("a+?", "character 3: a repeat of a repeat, or a lazy or possessive one"),
        ("a{,3}", "character 2: wants {m}, {m,n} or {m,}"),
        ("a{3,2}", "character 2: the repeat can never be fulfilled, or does nothing"),
        ("a{0}", "character 2: the repeat can never be fulfilled, or does nothing"),
        ("(?=a)b", "character 2: only (…), (?:…) and (?P<name>…) are allowed"),
        ("(?P<x>a)(?P<x>b)", "character 10: a second group 'x'"),
        ("(?P<x>a){2}", "character 12: a named group in a repeat would keep its last turn only"),
        ("\\1", "character 3: \\1 is not allowed"),
        ("a\\", f"character 3: {ENDS}"),
        ("[z-a]", "character 5: not a range of characters"),
        ("[\\d-x]", "character 6: not a range of characters"),
        ("[a-\\d]", "character 6: not a range of characters"),
        ("[]a]", "character 2: ']' in a class must be written \\]"),
        ("[a[]", "character 4: '[' in a class must be written \\["),
        ("[a&&b]", "character 3: a doubled character in a class is reserved"),
        ("[^ -~]", "character 7: no character fits this class"),
        ("[a", f"character 3: {ENDS}"),
    ],
)
def test_what_is_outside_the_subset(source: str, why: str) -> None:
    """What cannot be analysed is refused with the place and a reason."""
    with pytest.raises(PatternError) as refusal:
        compile_pattern(source)
    assert str(refusal.value) == f"{source!r}, {why}"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("", "'' matches the empty code"),
        ("a*", "'a*' matches the empty code"),
        ("(a*)*b", "'(a*)*b' can match 'b' in two ways; make its parts distinct"),
        ("(x+x+)+y", "'(x+x+)+y' can match 'xxxy' in two ways; make its parts distinct"),
        (
            r"(?P<a>\w+)(?P<b>\w+)",
            r"'(?P<a>\\w+)(?P<b>\\w+)' can match '000' in two ways; make its parts distinct",
        ),
        ("a{401}", "'a{401}': more than 400 places with repeats written out"),
        ("ä", "'ä' is not printable ASCII"),
    ],
)
def test_patterns_that_could_harm(source: str, why: str) -> None:
    """A pattern that can run away, or split one code in two ways, is refused (D-80)."""
    with pytest.raises(PatternError) as refusal:
        compile_pattern(source)
    assert str(refusal.value) == why


def test_prefix_suffix_and_case_are_part_of_what_is_compared() -> None:
    """The automaton is that of the code as read, before anything is taken off or folded."""
    left = compile_pattern(r"\d{2}", prefix="S", suffix="E")
    right = compile_pattern("S(1|2)2E|X?Y+", caseless=True)
    assert left.automaton.common(right.automaton) == "S12E"
    assert right.automaton.common(compile_pattern("[a-z]+").automaton) == "y"
    with pytest.raises(PatternError, match="not printable ASCII"):
        compile_pattern("a", prefix="\x02")
