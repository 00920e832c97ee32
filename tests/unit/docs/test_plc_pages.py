"""The pages of docs/plc say what the blocks, the core and the station file say."""

import re
import runpy
from dataclasses import fields
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from agent.app.registries import registries
from agent.config.load import load
from agent.config.model import Handshake
from agent.core.outputs import TEXTS
from agent.core.state import NotReady
from agent.core.station import DEFAULT_ANSWERS
from agent.demo.plc import OnNoAnswer, Settings
from tests.structured_text import Clock, Instance, Library

ROOT = Path(__file__).parents[3]
PLC = ROOT / "docs" / "plc"
PAGES = sorted(PLC.glob("*.md"))
README = (PLC / "README.md").read_text(encoding="utf-8")
STATIONS = [
    (page.name, text)
    for page in PAGES
    for text in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
]


def rows(text: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading, without its head."""
    below = text.split(f"# {heading}\n", 1)[1]
    found = re.search(r"(?:^\|.*\n)+", below, re.MULTILINE)
    assert found is not None
    lines = found[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Each file that a page names by a link is there."""
    links = re.findall(r"\]\(([^)#:]+)[^)]*\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (PLC / link).exists()] == []


@pytest.mark.parametrize(("page", "text"), STATIONS, ids=[page for page, _ in STATIONS])
def test_station_files_load(page: str, text: str, tmp_path: Path) -> None:
    """A station file on a page is one, as it stands."""
    path = tmp_path / f"{page}.yaml"
    path.write_text(text, encoding="utf-8")
    assert load(path, registries()).station.handshakes[0].name == "end"


def test_timing_is_drawn_from_the_simulated_plc() -> None:
    """The drawing is what the state machine does now."""
    made = runpy.run_path(str(ROOT / ".ci" / "make_timing.py"))["drawing"]()
    written = (PLC / "timing.svg").read_text(encoding="utf-8")
    assert written == made, "run: .venv/bin/python .ci/make_timing.py"


def test_answers_are_those_of_the_core() -> None:
    """The table has each answer, 0, and what to do with an unknown one (D-39)."""
    answers = [row[0] for row in rows(README, "The answers")]
    assert answers == ["0", *(str(code) for code in DEFAULT_ANSWERS.values()), "other"]


def test_reasons_are_those_of_the_core() -> None:
    """Number and text of each reason stand as the agent writes them."""
    listed = [(row[0], row[1]) for row in rows(README, "The reason word")]
    assert listed == [
        (str(int(reason)), TEXTS.get(reason, "(ready)")) for reason in sorted(NotReady)
    ]


def test_keys_are_those_of_the_station_file() -> None:
    """A tag is said to go under a key that exists, and no key of a handshake is forgotten."""
    named = {
        key for row in rows(README, "The tags") for key in re.findall(r"track\.end\.(\w+)", row[-1])
    }
    assert named == set(Handshake.model_fields) - {"answer_within"}


def test_settings_have_one_default() -> None:
    """Page, function block and simulated PLC agree on every name and default."""
    library = Library().read((PLC / "lineside_handshake.st").read_text(encoding="utf-8"))
    block = Instance(library.units["FB_LinesideHandshake"], library, Clock()).members
    defaults = Settings()
    listed = {row[1].strip("`"): row for row in rows(README, "Time-outs")}
    assert list(listed) == [each.name for each in fields(Settings)]
    for name, (in_block, _, written, *_) in listed.items():
        value = getattr(defaults, name)
        number = list(OnNoAnswer).index(value) if isinstance(value, OnNoAnswer) else value
        assert block[in_block.strip("`")] == number
        amount = re.match(r"([\d.]+)(?: (ms|s)\b)?", written)
        assert amount is not None
        assert int(amount[1]) * (1000 if amount[2] == "s" else 1) == number


def test_register_map_is_the_one_of_the_station_file() -> None:
    """Address, type and direction of each tag in the file stand in the map."""
    page = (PLC / "modbus.md").read_text(encoding="utf-8")
    types = {"own word, 0 or 1": "bool", "string, 40 bytes": "string"}
    mapped = {}
    for address, _, kind, direction, _ in rows(page, "The register map"):
        plain = re.sub(r"\*", "", kind)
        first = int(re.split(r", | … ", address)[0])
        mapped[first] = (types.get(plain, plain), direction == "agent → PLC")
    (text,) = (text for name, text in STATIONS if name == "modbus.md")
    tags = YAML(typ="safe").load(text)["tags"]
    used = {tag["address"]: (tag["type"], tag.get("write", False)) for tag in tags.values()}
    assert {address: mapped[address] for address in used} == used
