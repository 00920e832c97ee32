"""The station files of the demo: those of config/demo, with this run's ports in them.

The files beside this module are links to config/demo, so that an installed package has them too.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

_PLACES = {
    "press": "opc.tcp://127.0.0.1:4840",
    "scanner": "/dev/serial/by-id/lineside-demo",
    "filler": "port: 1502",
    "broker": "mqtt://127.0.0.1:1883",
}


def write_stations(
    directory: Path, *, press_port: int, filler_port: int, scanner: Path, broker_port: int | None
) -> None:
    """Write both station files; without a broker they publish to their files alone."""
    directory.mkdir()
    own = {
        _PLACES["press"]: f"opc.tcp://127.0.0.1:{press_port}",
        _PLACES["scanner"]: str(scanner),
        _PLACES["filler"]: f"port: {filler_port}",
        _PLACES["broker"]: f"mqtt://127.0.0.1:{broker_port}",
    }
    for name in ("press", "filler"):
        text = files(__name__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
        for place, here in own.items():
            text = text.replace(place, here)
        if broker_port is None:
            text = _without_broker(text)
        (directory / f"{name}.yaml").write_text(text, encoding="utf-8")


def _without_broker(text: str) -> str:
    kept = [line for line in text.splitlines() if "sink: mqtt" not in line]
    return "\n".join(kept) + "\n"
