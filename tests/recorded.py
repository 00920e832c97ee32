"""What the core records, asks for, replies and writes on fixed random histories, as digests.

    python -m tests.recorded

writes `tests/data/golden/recorded.txt` anew: one line for each ten steps of a history. A change of
it in a commit says at which stations the core now does something else; what it does is for the
commit to say. `tests/unit/core/test_recorded.py` compares.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from agent.core import binder
from agent.core.carry import to_plain
from agent.core.state import Decision, Health
from agent.core.station import Station
from agent.formats.json import encode
from tests.outside import Step
from tests.played import EXAMPLES, played, station_of

FILE = Path(__file__).parent / "data" / "golden" / "recorded.txt"
SEEDS = range(4)
EACH = 10
"""How many steps have one digest."""


def lines(example: Path, seed: int) -> Iterator[str]:
    """Yield a history's lines: example, seed, steps, how many events, digest."""
    station, (run, steps) = station_of(example), played(example, seed)
    name = example.name.partition(".")[0]
    for first in range(0, len(steps), EACH):
        digest, n = hashlib.sha256(), 0
        for step, decision in zip(
            steps[first : first + EACH], run.decisions[first : first + EACH], strict=True
        ):
            n += len(decision.events)
            for said in _said(station, step, decision):
                digest.update(said + b"\n")
        yield f"{name} {seed} {first}-{first + EACH - 1} {n} {digest.hexdigest()[:12]}"


def _said(station: Station, step: Step, decision: Decision) -> Iterator[bytes]:
    """Yield all that goes out after a decision: events, asks, replies, what devices must hold."""
    yield from map(encode, decision.events)
    out = (decision.asks, decision.replies, decision.command_replies, decision.wakeup_ms)
    yield _plain(out)
    health = Health(now_ms=step.now.boot_ms)
    for device in station.devices:
        yield _plain(binder.due(decision.state, decision.working, health, device).groups)


def _plain(value: object) -> bytes:
    return json.dumps(to_plain(value), sort_keys=True, default=repr).encode()


def main() -> None:
    """Write the file anew."""
    found = [line for example in EXAMPLES for seed in SEEDS for line in lines(example, seed)]
    FILE.write_text("\n".join(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
