"""How a connection ended, in words that say whose fault it may be."""

from __future__ import annotations

from agent.sinks.mqtt.login import End
from agent.sinks.mqtt.reasons import REFUSED, TAKEN_OVER, hung_up, says_nothing_of_the_event


def how_it_ended(code: int | None, closed: str | None) -> End:
    """Return how a connection ended.

    Args:
        code: The reason in the broker's DISCONNECT; None: it sent none. Below 0: paho gave up.
        closed: What the transport broke of, empty where it was closed in order; None: it is up.
    """
    if code is not None and code >= REFUSED:
        return End(
            hung_up(code),
            hung_up=not says_nothing_of_the_event(code),
            is_taken_over=code == TAKEN_OVER,
        )
    if code is not None and closed is None:
        return End("broke the protocol, or was silent for too long", hung_up=False)
    if closed:
        return End(closed, hung_up=False)
    return End(
        "closed the connection and gave no reason; its log may have one, such as a second "
        "client of this name",
        hung_up=True,
    )
