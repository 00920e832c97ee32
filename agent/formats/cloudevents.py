"""The envelope of a delivered event: CloudEvents 1.0, structured JSON, thin (D-115, D-116).

`data` is the event exactly as it is stored and hashed, byte for byte: a consumer takes `hash` out
of it, writes the rest as canonical JSON and compares SHA-256. Everything beside `data` is a copy
from it, except `after` and `resend`, which belong to the stream and not to the event.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from agent.formats.codec import FormatError
from agent.formats.json import subject

CONTENT_TYPE = "application/cloudevents+json"


def source(station: str) -> str:
    """Return the URI of a station: `acme/graz/press` is `urn:lineside:acme:graz:press`."""
    return f"urn:lineside:{station.replace('/', ':')}"


def copies(members: Mapping[str, Any]) -> dict[str, object]:
    """Return what the envelope of each event repeats of it, whatever its kind.

    Raises:
        KeyError: it is no event; AttributeError and TypeError say so too.
    """
    time = members["time"]
    return {
        "id": f"{members['epoch']}-{members['seq']}",
        "source": source(members["station"]),
        "type": f"lineside.{members['kind']}.v{members['schema']}",
        "time": time.get("source") or time["received"],
    }


def envelope(body: bytes, *, after: str | None = None, resend: bool = False) -> bytes:
    """Return the message that carries a stored event.

    Args:
        body: The event's JSON as stored, `hash` included; it is carried unchanged.
        after: The previous address on this stream, where the sink is filtered (D-138).
        resend: Whether a consumer asked for it again (D-139).

    Raises:
        FormatError: the body is no event.
    """
    try:
        members = orjson.loads(body)
        head: dict[str, object] = {"specversion": "1.0", **copies(members)}
    except (AttributeError, KeyError, TypeError, orjson.JSONDecodeError) as error:
        raise FormatError(f"no event: {error!r}") from error
    about = subject(members)
    if about is not None:
        head["subject"] = about
    head["datacontenttype"] = "application/json"
    if after is not None:
        head["after"] = after
    if resend:
        head["resend"] = True
    return orjson.dumps(head)[:-1] + b',"data":' + body + b"}"
