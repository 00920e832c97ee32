"""A sink that shows live values: what it names must be there, and what it makes must be one."""

from pathlib import Path

import pytest

from agent.config.explain import explained
from tests.unit.config.stations import PRESS, edited, loaded, problems
from tests.unit.config.test_neighbours import SECOND, folder, said

AUDIT = "  audit: {sink: file, path: audit.jsonl, required: false, kinds: [unit_completed]}\n"
SCADA = '  scada: {sink: sparkplug, url: "mqtt://127.0.0.1"}\n'


def showing(line: str = SCADA, text: str = PRESS) -> str:
    """Return a station file with a Sparkplug sink."""
    return edited(text, (AUDIT, AUDIT + line))


def test_a_station_can_be_shown_beside_its_events() -> None:
    """It takes the machine's states from the journal, and never holds that up."""
    config = loaded(showing())
    sink = config.sinks["scada"]
    assert (sink.required, sink.kinds) == (False, frozenset({"machine_state_changed"}))
    told = "scada: tag values and machine state, live, as the Sparkplug node acme/press-07"
    assert told in explained(config)


def test_a_tag_that_is_not_there_is_named() -> None:
    """With its place and a suggestion."""
    line = '  scada: {sink: sparkplug, url: "mqtt://127.0.0.1", tags: [force, forse]}\n'
    (problem,) = problems(showing(line))
    assert problem == "f:44:67: publish.scada.tags[1]: no tag 'forse'; did you mean 'force'?"


@pytest.mark.parametrize("key", ["kinds: [unit_completed]", "required: true", "format: json"])
def test_what_a_sink_of_events_is_told_is_no_key(key: str) -> None:
    """A live view confirms no events: such a key would promise what it does not hold."""
    (problem,) = problems(showing(SCADA.replace("}", f", {key}}}")))
    assert problem.startswith(f"f:44:53: publish.scada.{key.partition(':')[0]}: unknown key")


def test_names_that_differ_by_case_only_are_refused() -> None:
    """Of tags and of devices, for hosts may take them for one."""
    text = showing().replace("tags:\n", 'tags:\n  FORCE: {device: plc, node: "nsu=urn:a;s=F"}\n', 1)
    (problem,) = problems(text)
    assert "tags.force: 'force' and 'FORCE' differ by letter case only" in problem
    assert problems(text.replace(SCADA, "")) == []


def test_no_two_sinks_are_one_node(tmp_path: Path) -> None:
    """Neither in one station nor in two, whatever the broker and the case."""
    other = '  more: {sink: sparkplug, url: "mqtt://10.0.0.9", group: Acme}\n'
    (problem,) = problems(showing(SCADA + other))
    assert "publish.more: would be the edge node Acme/press-07, as 'scada' is" in problem
    second = SECOND.replace(AUDIT, AUDIT + SCADA.replace("}", ", node: PRESS-07}"))
    found = folder(tmp_path, a=showing(), b=second)
    assert [line for line in said(found, tmp_path) if "edge node" in line] == [
        (
            "a.yaml:44:3: publish.scada: the Sparkplug edge node acme/press-07 is claimed by "
            "b.yaml:44 too; one of the two must let go"
        ),
        (
            "b.yaml:44:3: publish.scada: the Sparkplug edge node acme/PRESS-07 is claimed by "
            "a.yaml:44 too; one of the two must let go"
        ),
    ]


def test_a_device_is_there_once() -> None:
    """A name that comes twice is refused when the file is read."""
    text = showing().replace("devices:\n", "devices:\n  plc: {driver: opcua}\n", 1)
    assert any("plc" in problem for problem in problems(text))


def test_stations_may_name_their_devices_alike(tmp_path: Path) -> None:
    """Each is a node of its own."""
    second = SECOND.replace(AUDIT, AUDIT + SCADA)
    found = folder(tmp_path, a=showing(), b=second)
    assert said(found, tmp_path) == []
    first, other = found.stations
    assert first.devices.keys() == other.devices.keys()
