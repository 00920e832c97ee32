"""The station files of the demo and its labels, judged as those of any plant."""

from datetime import date
from pathlib import Path

import pytest

from agent.app.registries import registries
from agent.config.load import load_folder
from agent.config.loaded import StationConfig
from agent.core.identity.rules import Identified, Means, Refused, judge
from agent.demo import codes
from agent.demo.line import FILLER, PRESS
from agent.demo.reconcile import unit_of
from agent.demo.stations import write_stations

TODAY = date(2026, 7, 1)
CONFIG = Path(__file__).parents[3] / "config" / "demo"


def stations(directory: Path, broker_port: int | None = 1999) -> dict[str, StationConfig]:
    """Return the station files of one run, as the agent reads them."""
    write_stations(
        directory / "stations",
        press_port=4999,
        filler_port=1999,
        scanner=directory / "scanner",
        broker_port=broker_port,
    )
    folder = load_folder(directory / "stations", registries())
    assert list(folder.problems) == []
    return {config.station.path: config for config in folder.stations}


def test_files_of_a_run_name_its_ports(tmp_path: Path) -> None:
    """Each place that a run has of its own is put in, and nothing else is changed."""
    found = stations(tmp_path)
    assert set(found) == {PRESS, FILLER}
    press, filler = found[PRESS], found[FILLER]
    assert press.devices["plc"].endpoint == "opc.tcp://127.0.0.1:4999"
    assert press.devices["scanner"].endpoint == str(tmp_path / "scanner")
    assert filler.devices["plc"].endpoint == "modbus://127.0.0.1:1999/1"
    for config in found.values():
        assert config.sinks["plant"].options.url == "mqtt://127.0.0.1:1999"
        assert set(config.sinks) == {"plant", "audit"}


def test_without_a_broker_events_go_to_files_alone(tmp_path: Path) -> None:
    """A station that could reach no broker would keep a backlog for ever."""
    for config in stations(tmp_path, broker_port=None).values():
        assert set(config.sinks) == {"audit"}


@pytest.mark.parametrize("name", ["press", "filler"])
def test_an_installed_package_has_the_files_too(name: str) -> None:
    """What lies beside the module is the file in config/demo itself."""
    here = CONFIG.parents[1] / "agent" / "demo" / "stations" / f"{name}.yaml"
    assert here.resolve() == (CONFIG / f"{name}.yaml").resolve()


def test_labels_mean_what_the_demo_says(tmp_path: Path) -> None:
    """Unit, housings, badge and order are known; a misread label is refused by its check digit."""
    rules = stations(tmp_path)[PRESS].station.scans

    def judged(code: str) -> Identified | Refused:
        found = judge(code.encode("latin-1"), rules, reference_date=TODAY)
        assert isinstance(found, Identified | Refused)
        return found

    unit = judged(codes.unit("SN000001"))
    assert isinstance(unit, Identified)
    assert (unit.means, unit.serial) == (Means.UNIT, "SN000001")
    assert unit.code == unit_of(codes.unit("SN000001"))
    housings = judged(codes.component("H-240701"))
    assert isinstance(housings, Identified)
    assert (housings.means, housings.lot) == (Means.COMPONENT, "H-240701")
    assert housings.position == "housing"
    order = judged(codes.ORDER)
    assert isinstance(order, Identified)
    assert (order.means, order.code) == (Means.ORDER, "104711")
    badge = judged(codes.BADGE)
    assert isinstance(badge, Identified)
    assert badge.means is Means.OPERATOR
    misread = judged(codes.damaged("SN000001"))
    assert isinstance(misread, Refused)
    assert misread.reason == "bad_check_digit"
