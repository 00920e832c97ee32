"""Where a sink begins that was not there before, and what is doubtful about one."""

import pytest

from agent.app.outlets import blind_sinks, first_cursor
from agent.ports import Address
from tests.unit.config.stations import PRESS, edited, loaded

LAST = Address("000042-9f3a1c7e", 7)


@pytest.mark.parametrize(
    ("start", "cursor"),
    [
        ("oldest", None),
        ("now", LAST),
        ("000042-9f3a1c7e-1", Address("000042-9f3a1c7e", 0)),
        ("000042-9f3a1c7e-8", LAST),
        ("000007-00000000-3", Address("000007-00000000", 2)),
    ],
)
def test_a_new_sink_begins_where_the_file_says(start: str, cursor: Address | None) -> None:
    """With the oldest kept, behind the newest, or with the event of an address."""
    assert first_cursor(start, LAST) == cursor


def test_a_start_that_no_event_has_is_told() -> None:
    """A sink that waits for an address that may never come would be silent for ever."""
    with pytest.raises(ValueError, match="begins with the oldest kept"):
        first_cursor("000042-9f3a1c7e-9", LAST)


def test_mqtt_3_1_1_is_a_doubt_and_5_is_none() -> None:
    """That refusals cannot be seen is said by `check`, at each start and in `state` (B13)."""
    url = 'url: "mqtt://127.0.0.1"'
    old = loaded(edited(PRESS, (url, f"{url}, version: 3.1.1")))
    (warning,) = old.warnings
    assert "publish.plant.version: MQTT 3.1.1 cannot say what" in str(warning)
    assert blind_sinks(old) == ("plant",)
    new = loaded(edited(PRESS, (url, f"{url}, version: 5")))
    assert (new.warnings, blind_sinks(new)) == ((), ())
