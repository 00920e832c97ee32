"""From the journal to one sink: in order, at least once, and one sink's trouble stays its own."""

from agent.publisher.publisher import Publisher
from agent.publisher.quarantine import Quarantine
from agent.publisher.state import Condition, SinkState

__all__ = ["Condition", "Publisher", "Quarantine", "SinkState"]
