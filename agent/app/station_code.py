"""What a station makes of a code: its own rules, applied as they are to a live scan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from agent.app.registries import registries
from agent.config.load import load
from agent.core.identity.rules import Identified, Judgement, NoRead, judge
from agent.core.station import Station


def station_of(path: Path) -> Station:
    """Return the station that a file describes.

    Raises:
        ConfigError: with everything that is wrong in it.
    """
    return load(path, registries()).station


def judged(raw: bytes, station: Station, day: date) -> Judgement:
    """Return what a station's rules make of a frame from any of its readers."""
    no_reads = frozenset().union(*station.no_reads.values())
    return judge(raw, station.scans, no_reads, reference_date=day)


def as_object(judgement: Judgement) -> dict[str, Any]:
    """Return a judgement as a JSON object; rules count from one, as people count."""
    if isinstance(judgement, NoRead):
        return {"accepted": False, "no_read": judgement.text}
    if not isinstance(judgement, Identified):
        error = {"class": judgement.reason, "at": judgement.at, "detail": judgement.detail}
        return {"accepted": False, "error": error}
    found = asdict(judgement)
    expiry = judgement.expiry.isoformat() if judgement.expiry else None
    return {"accepted": True} | found | {"rule": judgement.rule + 1, "expiry": expiry}


def said(judgement: Judgement) -> Iterator[str]:
    """Yield in words what a station makes of a code."""
    if isinstance(judgement, NoRead):
        yield f"no-read: the reader says by {judgement.text!r} that it saw nothing"
    elif isinstance(judgement, Identified):
        place = f" for {judgement.position}" if judgement.position else ""
        yield f"accepted by scan rule {judgement.rule + 1}: {judgement.means}{place}"
        yield f"  identity  {judgement.code}"
        unit = f" {judgement.quantity_unit}" if judgement.quantity_unit else ""
        for name in ("product", "serial", "lot", "quantity"):
            value = getattr(judgement, name)
            if value is not None:
                yield f"  {name:<9} {value}{unit if name == 'quantity' else ''}"
        if judgement.expiry is not None:
            day = "" if judgement.expiry_exact else ", by a label that gives no day"
            yield f"  expiry    {judgement.expiry.isoformat()}{day}"
        for doubt in judgement.doubtful:
            yield f"  doubtful: {doubt}"
    else:
        yield f"refused: {judgement.reason} at byte {judgement.at}: {judgement.detail}"
