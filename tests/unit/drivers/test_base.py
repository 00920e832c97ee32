"""The words that drivers and core share."""

import pytest

from drivers.base import DriverConfigError, Quality, TagValue


@pytest.mark.parametrize(
    ("value", "quality"), [(None, Quality.GOOD), (None, Quality.UNCERTAIN), (7, Quality.BAD)]
)
def test_a_value_fits_its_quality(value: int | None, quality: Quality) -> None:
    """A BAD value is none, and only a BAD one is: there is no stale value under a good quality."""
    with pytest.raises(ValueError, match="force"):
        TagValue(tag="force", value=value, quality=quality)


def test_an_error_of_the_station_file_says_tag_cause_and_cure() -> None:
    """Its text names the tag where there is one, the cause, and what to do."""
    of_a_tag = DriverConfigError("ack", "BadUserAccessDenied", "allow the write")
    assert str(of_a_tag) == "tag 'ack': BadUserAccessDenied; allow the write"
    assert str(DriverConfigError(None, "no trust list", "name one")) == "no trust list; name one"
