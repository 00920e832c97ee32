"""The words that drivers and core share."""

import pytest

from drivers.base import DriverConfigError, LinkChanged, Quality, TagValue
from tests.doubles import ManualClock


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


def test_a_link_that_is_seen_to_change_changes_at_that_moment() -> None:
    """Nothing is known of it from before: its interval is the moment itself."""
    now = ManualClock().now()
    seen = LinkChanged.at(now, "7", "plc", up=False, reason="no answer")
    assert (seen.earliest_ms, seen.latest_ms, seen.received) == (now.boot_ms, now.boot_ms, now)
    assert (seen.id, seen.device, seen.up, seen.reason) == ("7", "plc", False, "no answer")
