"""Every requirement on an edge node is asked for by a test, or does not apply for a reason."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from tests.peers.mosquitto import Mosquitto
from tests.peers.mqtt_reader import Reader
from tests.peers.sparkplug_bench import (
    GROUP,
    NODE,
    SparkplugBench,
    Tap,
    rebirth,
    state,
    until,
    until_said,
)
from tests.peers.sparkplug_rules import Rules

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "tests/data/sparkplug/edge_node_requirements.csv"


PREFIX = "tck-id-"
NEVER_SENT = {
    "templates": "the node sends no templates; a host's are passed over (test_sparkplug_node)",
    "datasets": "the node sends no data sets; a host's are passed over (test_sparkplug_node)",
}
"""By `applies_when`: why a requirement does not apply."""
NOT_OURS = {
    "payloads-name-cmd-requirement": "binds who sends a command; the node reads it either way",
}
MOSQUITTO = "tests/peers/test_sparkplug_mosquitto.py::"
SHOWING = "tests/unit/config/test_showing.py::"
TESTED = {
    f"{MOSQUITTO}test_the_primary_host_decides_when_there_is_a_session": (
        "message-flow-edge-node-birth-publish-phid-offline",
        "message-flow-edge-node-birth-publish-phid-wait-timestamp",
        "operational-behavior-edge-node-termination-host-offline",
        "operational-behavior-edge-node-termination-host-offline-timestamp",
    ),
    f"{MOSQUITTO}test_a_host_that_is_elsewhere_is_found_there": (
        "operational-behavior-edge-node-termination-host-offline-reconnect",
        "operational-behavior-primary-application-state-with-multiple-servers-single-server",
        "operational-behavior-primary-application-state-with-multiple-servers-walk",
    ),
    f"{MOSQUITTO}test_other_commands_are_refused_and_told": (
        "operational-behavior-data-commands-ncmd-rebirth-name",
        "operational-behavior-data-commands-ncmd-rebirth-value",
        "operational-behavior-data-commands-ncmd-rebirth-verb",
    ),
    "tests/unit/sinks/test_sparkplug_session.py::test_a_rebirth_goes_before_data_that_waits": (
        "operational-behavior-data-commands-rebirth-action-1",
        "operational-behavior-data-commands-rebirth-action-2",
    ),
    f"{SHOWING}test_names_that_differ_by_case_only_are_refused": (
        "case-sensitivity-sparkplug-ids",
    ),
    f"{SHOWING}test_no_two_sinks_are_one_node": (
        "intro-edge-node-id-uniqueness",
        "payloads-nbirth-edge-node-descriptor",
    ),
    f"{SHOWING}test_a_device_is_there_once": ("topic-structure-namespace-unique-device-id",),
    f"{SHOWING}test_stations_may_name_their_devices_alike": (
        "topic-structure-namespace-duplicate-device-id-across-edge-node",
    ),
}
"""By test: what it asks for beside the judge."""


async def asked_for(directory: Path, primary_host: str | None, version: object) -> set[str]:
    """Return the requirements that the judge asks for in a day of a node."""
    rules = Rules(GROUP, NODE, primary_host=primary_host)
    rules.host_online = True
    async with (
        Mosquitto(directory) as broker,
        Tap(rules, broker.port) as tap,
        Reader(broker.port) as host,
    ):
        host.send("spBv1.0/STATE/scada", state(online=True, at_ms=1), retain=True)
        bench = SparkplugBench(directory, tap.port, primary_host=primary_host, version=version)
        bench.start_devices()
        async with bench.running():
            await until_said(rules, "DBIRTH", "feeder")
            bench.show("plc", count=2)
            bench.commit_state("held", "held")
            await until_said(rules, "DDATA", "plc")
            await until_said(rules, "NDATA")
            host.send(f"spBv1.0/{GROUP}/NCMD/{NODE}", rebirth())
            await until_said(rules, "NBIRTH", n=2)
            bench.link("feeder", up=False)
            await until_said(rules, "DDEATH", "feeder")
    await until(rules, lambda: rules.seen[-1].kind == "NDEATH")
    return {one.removeprefix(PREFIX) for one in rules.asked}


@pytest.fixture
def wanted() -> dict[str, str]:
    """Return every requirement, and when it applies."""
    with REQUIREMENTS.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        return {row["id"].removeprefix(PREFIX): row["applies_when"] for row in rows}


async def test_every_requirement_has_its_test(tmp_path: Path, wanted: dict[str, str]) -> None:
    """Asked for by the judge of every test, by a test of its own, or not applicable and why."""
    for folder in ("v5", "v311"):
        (tmp_path / folder).mkdir()
    asked = set[str]()
    for folder, host, version in (("v5", "scada", 5), ("v311", None, "3.1.1")):
        asked |= await asked_for(tmp_path / folder, host, version)
    other = {one for one, when in wanted.items() if when in NEVER_SENT}
    tested = {one for ids in TESTED.values() for one in ids}
    assert asked | tested | other | NOT_OURS.keys() == wanted.keys()
    assert not asked & (tested | other | NOT_OURS.keys())
    assert not tested & (other | NOT_OURS.keys())


def test_the_tests_that_are_named_are_there() -> None:
    """A requirement's test cannot be renamed or removed unseen."""
    for name in TESTED:
        file, _, test = name.partition("::")
        assert re.search(rf"(?m)^(async )?def {test}\(", (ROOT / file).read_text()), name
