"""Draw docs/plc/timing.svg: one handshake on four days, good and bad, as the simulated PLC runs it.

The PLC's lines are what `agent.demo.plc` does; the agent's are written down here. Each change gets
the same width, its time stands below it: the drawing is not to scale. A test compares; run it after
changing the state machine.
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from agent.demo import plc  # noqa: E402 - found by the line above

SCAN_MS = 10
PART = plc.Work(part="", force_kn=0.0, ok=True)
LANES = ("request", "trigger", "result", "ack")
LEFT, STEP, WIDTH = 126, 62, 1010
LANE, HIGH, TOP = 34, 22, 44
FONT = 'font-family="Helvetica, Arial, sans-serif" font-size="13"'
WORDS = "Request, trigger, result and ack over time. The same in words: README.md, Timing."


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One panel: what the agent writes and whose power goes, by time."""

    title: str
    writes: Mapping[int, tuple[str, int]]
    plc_off: tuple[int, int] | None = None
    agent_off: tuple[int, int] | None = None


DAYS = (
    Day(
        title="A normal cycle",
        writes={90: ("result", 1), 100: ("ack", 1), 130: ("ack", 0), 140: ("result", 0)},
    ),
    Day(
        title="Answer 7 (not stored), and the same request again",
        writes={
            5020: ("result", 7),
            5030: ("ack", 1),
            5060: ("ack", 0),
            5070: ("result", 0),
            5340: ("result", 1),
            5350: ("ack", 1),
            5380: ("ack", 0),
            5390: ("result", 0),
        },
    ),
    Day(
        title="The PLC loses power while it asks, and keeps its memory",
        writes={9000: ("result", 1), 9010: ("ack", 1), 9040: ("ack", 0), 9050: ("result", 0)},
        plc_off=(60, 8000),
    ),
    Day(
        title="The agent ends after its record is on disk, before its answer",
        writes={3400: ("result", 1), 3410: ("ack", 1), 3440: ("ack", 0), 3450: ("result", 0)},
        agent_off=(60, 3000),
    ),
)

Moment = tuple[int, Mapping[str, int]]


def moments(day: Day) -> Iterator[Moment]:
    """Yield what stands at the device whenever something has changed."""
    memory, agent = plc.Memory(request=41, count=41), {"result": 0, "ack": 0}
    settings, shown = plc.Settings(), None
    last_ms = max(day.writes) + 5 * SCAN_MS
    for now_ms in range(-SCAN_MS, last_ms, SCAN_MS):
        off = day.plc_off is not None and day.plc_off[0] <= now_ms < day.plc_off[1]
        if day.plc_off is not None and now_ms == day.plc_off[1]:
            memory = plc.restarted(memory, now_ms)
        if not off:
            work = PART if now_ms == 0 else None
            image = plc.Image(ack=bool(agent["ack"]), result=agent["result"], work=work)
            memory = plc.step(memory, image, now_ms, settings).memory
        if now_ms in day.writes:  # after this scan has read its inputs: seen in the next
            name, value = day.writes[now_ms]
            agent[name] = value
        stands = {
            "request": memory.request,
            "trigger": int(memory.trigger and not off),
            **agent,
            "plc": int(not off),
            "agent": int(
                day.agent_off is None or not day.agent_off[0] <= now_ms < day.agent_off[1]
            ),
        }
        if stands != shown:
            yield now_ms, stands
        shown = stands


def drawing() -> str:
    """Return the whole picture."""
    height = 20 + len(DAYS) * (TOP + len(LANES) * LANE + 46)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {FONT}>',
        "  <title>The four-phase handshake on four days</title>",
        f"  <desc>{WORDS}</desc>",
        f'  <rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    top = 20
    for number, day in enumerate(DAYS, start=1):
        parts += [f"  {line}" for line in _panel(number, day, top)]
        top += TOP + len(LANES) * LANE + 46
    return "\n".join([*parts, "</svg>", ""])


def _panel(number: int, day: Day, top: int) -> Iterator[str]:
    seen = list(moments(day))
    title = f"{number}. {day.title}"
    yield f'<text x="20" y="{top + 14}" font-weight="bold" fill="#1d2a35">{title}</text>'
    for who, word in (("plc", "PLC off"), ("agent", "agent off")):
        yield from _off(seen, who, word, top)
    for row, lane in enumerate(LANES):
        foot = top + TOP + row * LANE + HIGH
        writer = "PLC" if lane in {"request", "trigger"} else "agent"
        colour = "#1f5fa8" if writer == "PLC" else "#2f7d46"
        yield f'<text x="20" y="{foot - 5}" fill="{colour}">{lane} ({writer})</text>'
        yield _line(seen, lane, foot, colour)
        yield from _values(seen, lane, foot, colour)
    foot = top + TOP + len(LANES) * LANE + 8
    for place, (now_ms, _) in enumerate(seen[1:], start=1):
        x = LEFT + place * STEP
        yield (
            f'<text x="{x}" y="{foot}" font-size="11" text-anchor="middle" fill="#5b6b7a">'
            f"{_time(now_ms)}</text>"
        )


def _off(seen: list[Moment], who: str, word: str, top: int) -> Iterator[str]:
    for place, (_, stands) in enumerate(seen):
        if not stands[who]:
            x, height = LEFT + place * STEP, len(LANES) * LANE
            yield (
                f'<rect x="{x}" y="{top + TOP - 12}" width="{STEP}" height="{height}"'
                ' fill="#f3d9d6"/>'
            )
            yield (
                f'<text x="{x + STEP / 2:g}" y="{top + TOP - 16}" text-anchor="middle"'
                f' font-size="11" fill="#a3382b">{word}</text>'
            )


def _line(seen: list[Moment], lane: str, foot: int, colour: str) -> str:
    points = []
    for place, (_, stands) in enumerate(seen):
        y = foot - HIGH * (stands[lane] > 0) * (1 if lane in {"trigger", "ack"} else 0.5)
        x = LEFT + place * STEP
        points += [f"{x},{y:g}", f"{x + STEP},{y:g}"]
    joined = " ".join(points)
    return f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _values(seen: list[Moment], lane: str, foot: int, colour: str) -> Iterator[str]:
    if lane in {"trigger", "ack"}:
        return
    before = None
    for place, (_, stands) in enumerate(seen):
        x, value = LEFT + place * STEP, stands[lane]
        if value != before:
            yield f'<text x="{x + 6}" y="{foot - HIGH / 2 - 4:g}" fill="{colour}">{value}</text>'
        if lane == "request" and before not in {None, value}:
            yield f'<path d="M{x},{foot - HIGH} V{foot}" stroke="{colour}" stroke-width="2"/>'
        before = value


def _time(now_ms: int) -> str:
    return f"{now_ms} ms" if now_ms < 1000 else f"{now_ms / 1000:g} s"  # noqa: PLR2004 - a second


def main() -> None:
    """Write it."""
    (ROOT / "docs" / "plc" / "timing.svg").write_text(drawing(), encoding="utf-8")


if __name__ == "__main__":
    main()
