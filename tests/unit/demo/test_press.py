"""The demo's press loses its power when it is told to, wherever its function block is by then."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest

from agent.demo.child import Retentive
from agent.demo.plc import Settings, Stage
from agent.demo.press import Press

NEXT = {
    Stage.IDLE: Stage.SETTLING,
    Stage.SETTLING: Stage.ASKING,
    Stage.ASKING: Stage.RELEASING,
    Stage.RELEASING: Stage.IDLE,
}
TO_NEXT: Mapping[Stage, dict[str, Any]] = {
    Stage.IDLE: {"Ready": True},
    Stage.SETTLING: {},
    Stage.ASKING: {"Ack": True, "Result": 1},
    Stage.RELEASING: {"Ack": False, "Result": 0},
}
"""What the agent writes so that the very next scan leaves a stage."""


class PowerGoneError(Exception):
    """The press went off."""


class Words:
    """The variables between the press and an agent, which a test writes."""

    def __init__(self) -> None:
        self.held: dict[str, Any] = {
            "Ready": False,
            "Reason": 0,
            "Text": "",
            "Ack": False,
            "Result": 0,
        }

    def read(self, name: str) -> Any:  # noqa: ANN401 - as the press reads it
        """Return what a variable holds."""
        return self.held[name]

    async def show(self, name: str, value: object) -> None:
        """Take what the program shows."""
        self.held[name] = value


def gone() -> NoReturn:
    """Take the power away."""
    raise PowerGoneError


async def press_at(stage: Stage, directory: Path) -> tuple[Press, Words]:
    """Return a press that stands at a stage, and leaves it with its next scan."""
    words = Words()
    press = Press(words, Retentive(directory / "memory"), Settings(settle_ms=0), gone)
    press.take({"do": "stroke", "part": "SN-1", "force_kn": 1.0, "ok": True})
    while press.stage is not stage:
        words.held |= TO_NEXT[press.stage]
        await press.scan()
    words.held |= TO_NEXT[stage]
    return press, words


@pytest.mark.parametrize("stage", list(Stage))
async def test_told_to_go_off_at_once_it_goes_though_it_moves_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], stage: Stage
) -> None:
    """The scan that leads on from the stage in which it was told takes the power away after it."""
    press, _ = await press_at(stage, tmp_path)
    press.take({"do": "off"})
    with pytest.raises(PowerGoneError):
        await press.scan()
    said = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert said[-1] == {"said": "off", "at": NEXT[stage]}


@pytest.mark.parametrize("stage", list(Stage))
async def test_told_to_go_off_at_a_stage_it_goes_there_and_not_before(
    tmp_path: Path, stage: Stage
) -> None:
    """Whoever names a stage gets that one, with what it had shown by then unchanged."""
    press, words = await press_at(NEXT[stage], tmp_path)
    press.take({"do": "off", "at": stage})
    press.take({"do": "stroke", "part": "SN-2", "force_kn": 1.0, "ok": True})
    for _ in NEXT:
        if NEXT[press.stage] is stage:
            break
        words.held |= TO_NEXT[press.stage]
        await press.scan()
    words.held |= TO_NEXT[press.stage]
    shown = dict(words.held)
    with pytest.raises(PowerGoneError):
        await press.scan()
    assert (press.stage, words.held) == (stage, shown)
