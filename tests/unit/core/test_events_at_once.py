"""Events get all their fields at once, and are in all else what the library makes of them."""

from dataclasses import MISSING, FrozenInstanceError, fields, replace
from typing import Any

import pytest

from agent.core.events import KINDS, AgentStopped, Event


def needed_of(kind: type[Event]) -> dict[str, Any]:
    """Return something for each field that has no default."""
    return {each.name: each.name for each in fields(kind) if each.default is MISSING}


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_each_kind_has_its_fields_in_order_with_their_defaults(kind: type[Event]) -> None:
    """What is not given is the default; nothing stands at another place than in the class."""
    given = needed_of(kind)
    event = kind(**dict(reversed(given.items())))
    assert list(vars(event)) == [each.name for each in fields(kind)]
    assert vars(event) == {each.name: each.default for each in fields(kind)} | given
    assert event == kind(**given)
    assert replace(event, seq=7).seq == 7


def test_what_does_not_fit_is_refused() -> None:
    """A field that is missing or that nobody knows, also one of each; and every change."""
    given = needed_of(AgentStopped)
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        AgentStopped(**given | {"colour": "red"})
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'seq'"):
        AgentStopped(**{name: value for name, value in given.items() if name != "seq"})
    del given["seq"]
    with pytest.raises(TypeError):
        AgentStopped(**given | {"colour": "red"})
    with pytest.raises(FrozenInstanceError):
        AgentStopped(**needed_of(AgentStopped)).seq = 2  # type: ignore[misc]  # what is tried
