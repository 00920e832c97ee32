"""When garbage is looked for while many events are taken: seldom.

Python looks for cycles of garbage after every 700 objects that are new, and from time to time
through all there are. A batch of 2,000 events makes hundreds of thousands, and none is garbage
before the batch is in: looking took a third of the client's time. What is no part of a cycle, which
is nearly all, is freed at once as ever.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = 10_000
"""New objects until it is looked for: a MB that waits. With 50,000 a collector takes 3 MiB more,
and 3 us less an event."""


@contextmanager
def looked_for_seldom() -> Iterator[None]:
    """Look for garbage seldom within; as a decorator: while a function runs.

    The threshold is the process's. Where two threads do so at once it may stay this high when both
    are done: it costs memory, a MB, and nothing else.
    """
    first, *others = gc.get_threshold()
    if first:  # else it is looked for never, or when somebody says so
        gc.set_threshold(max(first, SELDOM), *others)
    try:
        yield
    finally:
        gc.set_threshold(first, *others)
