"""The words of identification."""

from datetime import date

import pytest

from agent.core.identity.reading import CodeError, Profile, Reason


def test_refusal_says_reason_place_and_detail() -> None:
    """The text of a refusal is reason, byte and one sentence."""
    error = CodeError(Reason.BAD_DATE, 7, "month 13")
    assert str(error) == "bad_date at byte 7: month 13"


def test_profile_tolerates_only_what_changes_no_pair() -> None:
    """A wrong check digit can never be declared as tolerable."""
    with pytest.raises(ValueError, match="cannot be tolerated: bad_check_digit"):
        Profile(reference_date=date(2026, 6, 1), tolerates=frozenset({Reason.BAD_CHECK_DIGIT}))
    with pytest.raises(ValueError, match=r"cannot be tolerated: bad_check_digit, bad_date$"):
        Profile(
            reference_date=date(2026, 6, 1),
            tolerates=frozenset({Reason.BAD_DATE, Reason.BAD_CHECK_DIGIT}),
        )
