"""The registry of what can have happened."""

from agent.core import events
from agent.core.events import KINDS, Event, UnknownEvent
from tests.core_rig import PRESS, Rig


def test_every_kind_is_registered_under_its_name() -> None:
    """Leaves only; what this version does not know is no kind."""
    assert all(cls.kind == kind for kind, cls in KINDS.items())
    named = {
        cls.kind: cls
        for cls in vars(events).values()
        if isinstance(cls, type) and issubclass(cls, Event) and "kind" in vars(cls)
    }
    assert {**KINDS, "unknown": UnknownEvent} == named
    assert "unknown" not in KINDS
    assert UnknownEvent.kind == "unknown"
    assert all(issubclass(cls, Event) for cls in KINDS.values())


def test_an_address_is_epoch_and_seq() -> None:
    """As `because` names it."""
    event = Rig(PRESS).events[0]
    assert event.address == f"{event.epoch}-{event.seq}"
