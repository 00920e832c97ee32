"""A station's events as a consumer sees them, each linked to the one before it."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

import orjson

from agent.formats.canonical import canonical
from agent.ports import Row
from agent.trace.claims import Link

STATION = "acme/press"


def digest(*words: object) -> str:
    """Return a hash for what is named."""
    return sha256(repr(words).encode()).hexdigest()


def written(lengths: Sequence[int]) -> list[Link]:
    """Return a station's events: epochs of these lengths, each linked to the one before."""
    links: list[Link] = []
    for number, length in enumerate(lengths, start=1):
        epoch = f"{number:06d}-{number:08x}"
        for seq in range(1, length + 1):
            before = links[-1] if links else None
            is_link = seq == 1 and before is not None
            links.append(
                Link(
                    station=STATION,
                    epoch=epoch,
                    seq=seq,
                    hash=digest(epoch, seq),
                    prev=before.hash if before else None,
                    starts=seq == 1,
                    previous=(before.epoch, before.seq) if is_link and before else None,
                    previous_hash=before.hash if is_link and before else None,
                )
            )
    return links


def hashed(members: Mapping[str, object]) -> bytes:
    """Return an event's body with its hash at the end."""
    content = canonical({name: value for name, value in members.items() if name != "hash"})
    return content[:-1] + f',"hash":"{sha256(content).hexdigest()}"}}'.encode()


def rows(lengths: Sequence[int], station: str = STATION) -> list[Row]:
    """Return stored events, hashed and chained as a journal has them: epochs of these lengths."""
    found: list[Row] = []
    for number, length in enumerate(lengths, start=1):
        epoch = f"{number:06d}-{number:08x}"
        for seq in range(1, length + 1):
            members: dict[str, object] = {
                "epoch": epoch,
                "seq": seq,
                "kind": "agent_started" if seq == 1 else "unit_completed",
                "schema": 1,
                "station": station,
                "machine": "press",
                "time": {
                    "received": "2026-11-30T07:00:00.000Z",
                    "boottime_ms": 1000 * seq,
                    "boot_id": f"boot-{number}",
                    "clock_state": "synced",
                },
            }
            if seq > 1:
                members |= {"unit": f"SN-{number}-{seq}", "latest_ms": 1000 * seq}
            if found:
                members["prev"] = found[-1].hash
            if seq == 1 and found:
                members["previous_epoch"] = found[-1].epoch
                members["previous_seq"] = found[-1].seq
                members["previous_hash"] = found[-1].hash
            body = hashed(members)
            digest = orjson.loads(body)["hash"]
            found.append(
                Row(
                    epoch=epoch,
                    seq=seq,
                    kind=str(members["kind"]),
                    unit=None,
                    wall_ms=0,
                    body=body,
                    hash=digest,
                )
            )
    return found
