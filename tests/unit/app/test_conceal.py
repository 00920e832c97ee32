"""Badges at the rim: the key, the pseudonym, and what is kept of a badge that failed."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.app.conceal import (
    KEY_FILE,
    UNNAMED,
    KeyMissingError,
    concealer,
    known_key,
    operator_key,
    person_of,
)
from agent.app.rim import secret
from agent.config.loaded import OperatorsConfig
from agent.core.identity.badge import key_id, pseudonym
from drivers.base import CodeScanned, FrameStatus
from tests.doubles import ManualClock, SeededRandom
from tests.unit.config.stations import PRESS, edited, loaded

KEY = b"demo-key-not-for-use"
OWN = OperatorsConfig(mode="pseudonym", key=None)


def scanned(raw: bytes, status: FrameStatus = FrameStatus.OK) -> CodeScanned:
    """Return a frame as a reader gives it."""
    now = ManualClock().now()
    return CodeScanned(
        id="s1",
        device="scanner",
        earliest_ms=now.boot_ms,
        latest_ms=now.boot_ms,
        received=now,
        raw=raw,
        status=status,
    )


def concealed(raw: bytes, mode: str = "pseudonym", **fields: FrameStatus) -> CodeScanned:
    """Return what is left of a frame at the press, whose badges are OP- and four digits."""
    operators = replace(OWN, mode=mode)  # type: ignore[arg-type]  # a word of the file
    return concealer(loaded(PRESS).station, operators, KEY)(scanned(raw, **fields))


def test_a_key_is_made_for_its_owner_alone_and_kept(tmp_path: Path) -> None:
    """Without a reference the state directory gets a key of its own, the same from then on."""
    directory = tmp_path / "acme" / "press"
    made = operator_key(OWN, directory, secret, SeededRandom())
    assert len(made) == 64
    assert (directory / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert directory.stat().st_mode & 0o777 == 0o700
    assert operator_key(OWN, directory, secret, SeededRandom(2)) == made
    assert [file.name for file in directory.iterdir()] == [KEY_FILE]


def test_a_key_that_was_cut_off_is_made_anew(tmp_path: Path) -> None:
    """What a power cut left of a key on its way is none."""
    (tmp_path / "operator.new").write_text("half")
    assert len(operator_key(OWN, tmp_path, secret, SeededRandom())) == 64


def test_a_key_that_is_there_is_known_without_a_word_to_the_disk(tmp_path: Path) -> None:
    """Before anything can be written a badge is concealed by the key there is, and none is made."""
    assert known_key(OWN, tmp_path, secret) is None
    assert list(tmp_path.iterdir()) == []
    made = operator_key(OWN, tmp_path, secret, SeededRandom())
    assert known_key(OWN, tmp_path, secret) == made
    named = replace(OWN, key=f"file:{tmp_path}/{KEY_FILE}")
    assert known_key(named, tmp_path, secret) == made
    (tmp_path / KEY_FILE).write_text("")
    for operators in (OWN, named, replace(OWN, key="env:LINESIDE_NO_SUCH_KEY")):
        assert known_key(operators, tmp_path, secret) is None


def test_an_empty_key_is_refused(tmp_path: Path) -> None:
    """Pseudonyms by an empty key could be taken back by anyone."""
    (tmp_path / KEY_FILE).write_text("\n")
    with pytest.raises(KeyMissingError) as missing:
        operator_key(OWN, tmp_path, secret, SeededRandom())
    assert str(missing.value) == (
        f"{tmp_path}/{KEY_FILE}: the key is empty; put in a secret of 32 random bytes"
    )


def test_a_key_that_was_cut_or_is_elsewhere_is_no_other_key(tmp_path: Path) -> None:
    """Each person would get another pseudonym without a word: the station waits for the key."""
    made = operator_key(OWN, tmp_path, secret, SeededRandom())
    path = tmp_path / KEY_FILE
    for text in (made[:32], made + b"0", made[:-1] + b"x"):
        path.write_bytes(text)
        with pytest.raises(KeyMissingError, match="not as it was made"):
            operator_key(OWN, tmp_path, secret, SeededRandom())
        assert known_key(OWN, tmp_path, secret) is None
    path.unlink()
    path.symlink_to(tmp_path / "unplugged")
    with pytest.raises(KeyMissingError, match="No such file"):
        operator_key(OWN, tmp_path, secret, SeededRandom())
    (tmp_path / "unplugged").write_bytes(made + b"\n")
    assert operator_key(OWN, tmp_path, secret, SeededRandom()) == made


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The text says which file, why, and what to do."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(KeyMissingError) as missing:
        operator_key(OWN, tmp_path / "file", secret, SeededRandom())
    assert str(missing.value) == (
        f"{tmp_path}/file/{KEY_FILE}: the operator key cannot be kept (File exists); "
        "let the agent's user write there, and see that the disk has space"
    )


def test_a_reference_is_followed(tmp_path: Path) -> None:
    """Stations with one key give one person one pseudonym."""
    (tmp_path / "key").write_bytes(KEY + b"\n")
    operators = replace(OWN, key=f"file:{tmp_path}/key")
    assert operator_key(operators, tmp_path, secret, SeededRandom()) == KEY


@pytest.mark.parametrize(
    ("reference", "cause"),
    [
        ("file:/nowhere/key", "No such file or directory"),
        ("env:LINESIDE_NO_SUCH_KEY", "the environment has no LINESIDE_NO_SUCH_KEY"),
        (
            "credential:key",
            "no credentials were passed; the unit says LoadCredential=key:FILE",
        ),
    ],
)
def test_a_reference_that_leads_nowhere_is_named(
    tmp_path: Path, reference: str, cause: str
) -> None:
    """No key is made in its place: the pseudonyms would change without anybody knowing."""
    with pytest.raises(KeyMissingError) as missing:
        operator_key(replace(OWN, key=reference), tmp_path, secret, SeededRandom())
    assert str(missing.value) == (
        f"operators.key {reference}: cannot be read ({cause}); "
        "make it, or leave the key out to have one made"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_badge_becomes_its_pseudonym() -> None:
    """The bytes are gone; the pseudonym names the key that made it (D-63)."""
    seen = concealed(b"OP-4711")
    assert (seen.raw, seen.operator) == (b"", f"{key_id(KEY)}:{pseudonym(KEY, '4711')}")


def test_what_is_concealed_stays_so() -> None:
    """A scan that is kept for the next run is concealed again without harm."""
    conceal = concealer(loaded(PRESS).station, OWN, KEY)
    for raw in (b"OP-4711", b"OP-47", b"WO-104711"):
        once = conceal(scanned(raw))
        assert conceal(once) == once


@pytest.mark.parametrize("status", [FrameStatus.PARTIAL, FrameStatus.INVALID, FrameStatus.OVERLONG])
def test_of_a_badge_that_failed_only_its_length_is_kept(status: FrameStatus) -> None:
    """A frame that begins like a badge and is none may be one that was cut (D-64)."""
    seen = concealed(b"OP-47", status=status)
    assert (seen.raw, seen.operator, seen.hidden_length) == (b"", None, 5)


def test_a_cut_badge_in_a_whole_frame_is_hidden_too() -> None:
    """The reader's end came, but the badge was not whole."""
    assert concealed(b"OP-471").hidden_length == 6


def test_mode_clear_keeps_the_badge_and_none_keeps_nobody() -> None:
    """`clear` is the one opt-out by name; with `none` a badge is as one that failed (D-66)."""
    assert concealed(b"OP-4711", "clear").operator == "4711"
    nobody = concealed(b"OP-4711", "none")
    assert (nobody.raw, nobody.operator, nobody.hidden_length) == (b"", None, 7)


def test_a_badge_gives_its_role() -> None:
    """Its rule's, else by how its number begins, else none; the number itself is gone (D-64)."""
    rule = r"  - {match: {regex: 'OP-(?P<operator>\d{4})'}, means: operator}" + "\n"
    own = rule.replace("OP-", "IN-").replace("operator}", "operator, role: inspector}")
    station = loaded(edited(PRESS, (rule, rule + own))).station
    conceal = concealer(station, replace(OWN, roles={"setter": ("80", "9")}), KEY)
    seen = {raw: conceal(scanned(raw)) for raw in (b"IN-8011", b"OP-8011", b"OP-9111", b"OP-4711")}
    assert [each.role for each in seen.values()] == ["inspector", "setter", "setter", None]
    assert {each.raw for each in seen.values()} == {b""}


def test_other_codes_pass_as_they_are() -> None:
    """What is no badge is not touched."""
    frame = scanned(b"WO-104711")
    assert concealer(loaded(PRESS).station, OWN, KEY)(frame) is frame


@pytest.mark.parametrize(
    ("mode", "text", "shown"),
    [
        ("pseudonym", "OP-4711", f"{key_id(KEY)}:{pseudonym(KEY, '4711')}"),
        ("pseudonym", "4711", f"{key_id(KEY)}:{pseudonym(KEY, '4711')}"),
        ("pseudonym", "Anna", f"{key_id(KEY)}:{pseudonym(KEY, 'Anna')}"),
        ("pseudonym", "\u0416", f"{key_id(KEY)}:{pseudonym(KEY, chr(0x416))}"),
        ("pseudonym", "", ""),
        ("clear", "OP-4711", "4711"),
        ("clear", "Anna", "Anna"),
        ("none", "OP-4711", UNNAMED),
        ("none", "", ""),
    ],
)
def test_who_gives_a_command_is_known_as_at_the_reader(mode: str, text: str, shown: str) -> None:
    """A badge is the same reference by whatever way; a name is one too; in clear only if so set."""
    operators = replace(OWN, mode=mode)  # type: ignore[arg-type]  # a word of the file
    person = person_of(loaded(PRESS).station, operators, KEY)
    assert person(text, ManualClock().now()) == shown
