"""docs/identification.md: what it shows is what happens."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cli import main
from agent.core.identity.reading import Reason
from tests.unit.config.stations import PRESS, loaded

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "identification.md").read_text(encoding="utf-8")


def examples() -> Iterator[tuple[str, str]]:
    """Yield each command of the page with what it prints."""
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL):
        for shown in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = shown.partition("\n")
            yield command, printed


@pytest.mark.parametrize(("command", "printed"), list(examples()))
def test_commands_print_what_is_shown(
    command: str,
    printed: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every command of the page, run from the top of the repository, prints just that."""
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit):
        main(shlex.split(command)[1:])
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == printed.splitlines()


def test_rules_shown_are_right() -> None:
    """The scan rules of the page are taken by a station, without a doubt about them."""
    rules = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0]
    before, _, after = PRESS.partition("scans:\n")
    station = loaded(before + rules + after[after.index("track:") :])
    assert len(station.station.scans) == 4
    assert station.warnings == ()


def test_every_reason_is_explained() -> None:
    """The page leaves no reason of a refusal out."""
    assert [reason for reason in Reason if f"`{reason}`" not in PAGE] == []
