"""The table is the dictionary: complete, and nothing in it read differently."""

import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from biip.gs1_application_identifiers import GS1ApplicationIdentifier

from agent.core.identity.gs1_checks import CHECKS
from agent.core.identity.gs1_table import (
    ALPHABETS,
    ApplicationIdentifier,
    Component,
    code_lengths,
    matches,
    table,
)

SOURCE = Path(__file__).parents[3] / "data" / "gs1-syntax-dictionary.txt"


def published() -> Iterator[tuple[str, list[str], str]]:
    """Yield code, words and title of each identifier, read from the file without our parser."""
    for line in SOURCE.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            body, _, title = line.partition("#")
            codes, *words = body.split()
            first, _, last = codes.partition("-")
            for number in range(int(first), int(last or first) + 1):
                yield str(number).zfill(len(first)), words, title.strip()


def written(part: Component) -> str:
    """Return a component as the dictionary writes it."""
    span = f"..{part.longest}" if part.shortest != part.longest else f"{part.longest}"
    name = f"[{part.alphabet}{span}]" if part.optional else f"{part.alphabet}{span}"
    return ",".join((name, *part.checks))


def rewritten(ai: ApplicationIdentifier) -> list[str]:
    """Return the words of an identifier's entry, from the table alone."""
    flags = ("*" if ai.predefined else "") + ("?" if ai.attribute else "")
    requires = ["req=" + ",".join("+".join(option) for option in group) for group in ai.requires]
    excludes = [f"ex={','.join(ai.excludes)}"] if ai.excludes else []
    sequences = "|".join(",".join(sequence) for sequence in ai.qualifiers)
    key = [f"dlpkey={sequences}" if sequences else "dlpkey"] if ai.key else []
    return (
        [flags] * bool(flags)
        + [written(part) for part in ai.components]
        + sorted(requires + excludes + key)
    )


def test_table_has_every_identifier() -> None:
    """Each identifier of the published file is in the table, and no other is."""
    assert list(table()) == [code for code, _, _ in published()]
    assert len(table()) == 541


def test_every_entry_can_be_written_back() -> None:
    """Flags, components, checks, companions and titles are those of the published file."""
    for code, words, title in published():
        split = next(
            (i for i, w in enumerate(words) if w.startswith(("req", "ex=", "dlpkey"))), len(words)
        )
        assert rewritten(table()[code]) == words[:split] + sorted(words[split:]), code
        assert table()[code].title == title, code


def test_every_check_of_the_dictionary_is_there() -> None:
    """No linter that the dictionary names is unknown to us, and we name no other."""
    named = {name for ai in table().values() for part in ai.components for name in part.checks}
    assert set(CHECKS) == named


def test_first_two_digits_give_the_length_of_the_identifier() -> None:
    """All identifiers with the same first two digits are equally long (D-69)."""
    for code in table():
        assert code_lengths()[code[:2]] == len(code)


def test_predefined_lengths_are_those_of_the_standard() -> None:
    """Only these groups need no separator, with these lengths (D-70)."""
    lengths = {
        ai.code[:2]: {other.longest for other in table().values() if other.code[:2] == ai.code[:2]}
        for ai in table().values()
        if ai.predefined
    }
    wanted = {"00": 18, "01": 14, "02": 14, "03": 14, "20": 2, "41": 13}
    wanted |= {f"{n}": 6 for n in (11, 12, 13, 15, 16, 17, *range(31, 37))}
    assert lengths == {group: {length} for group, length in wanted.items()}


def test_alphabets_are_those_of_the_standard() -> None:
    """82, 39 and 64 characters (with padding), and ten digits."""
    sizes = {name: len(set(characters)) for name, characters in ALPHABETS.items()}
    assert sizes == {"N": 10, "X": 82, "Y": 39, "Z": 65}
    assert set(ALPHABETS["N"]) == set(string.digits)


def test_biip_knows_the_same_identifiers() -> None:
    """The second reader has a pattern for each identifier of this release."""
    for code in table():
        assert GS1ApplicationIdentifier.extract(code).ai == code


@pytest.mark.parametrize(
    ("pattern", "code", "fits"),
    [("31nn", "3103", True), ("31nn", "310", False), ("01", "01", True), ("01", "02", False)],
)
def test_patterns_of_companions(pattern: str, code: str, *, fits: bool) -> None:
    """`n` stands for one digit, everything else for itself."""
    assert matches(pattern, code) is fits


def test_optional_components_need_the_one_before() -> None:
    """Seconds (8008) cannot stand without minutes, and half a component never counts."""
    pattern = table()["8008"].pattern
    assert pattern.fullmatch("26011513")
    assert pattern.fullmatch("260115134259")
    assert not pattern.fullmatch("260115134")


def test_companions_are_alternatives_of_what_must_all_be_there() -> None:
    """A comma is an `or`, a plus an `and`, and each `req` stands for itself."""
    assert table()["10"].requires == ((("01",), ("02",), ("03",), ("8006",), ("8026",)),)
    assert table()["7258"].requires == ((("8018", "7259"),),)
    assert table()["3920"].requires == (
        (("01",),),
        (("30",), ("31nn",), ("32nn",), ("35nn",), ("36nn",)),
    )
    assert table()["01"].excludes == ("255", "37")
