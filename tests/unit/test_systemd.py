"""The unit that ships is as hardened and as stubborn as measured; its helpers fit it."""

import re
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).parents[2] / "systemd"
UNIT = SYSTEMD / "lineside@.service"
COLLECT = SYSTEMD / "lineside-collect.service"

ENVIRONMENT = ["LINESIDE_BOOT_ID=%b", "MALLOC_ARENA_MAX=1 PYTHONNODEBUGRANGES=1"]


def settings(path: Path) -> Mapping[str, list[str]]:
    """Return the values of each `[Section] Name` of a unit file, in order; a name may repeat."""
    section, found = "", defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found[f"{section} {name}"].append(value)
    return found


def service(name: str) -> list[str]:
    """Return the values that the unit gives to a setting of its service."""
    return settings(UNIT)[f"[Service] {name}"]


def words(path: Path) -> list[list[str]]:
    """Return the fields of each line of a sysusers or tmpfiles file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.split() for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("unit", [UNIT, COLLECT], ids=lambda unit: unit.name)
def test_exposure_is_within_the_bar(unit: Path) -> None:
    """Systemd's own offline rating of the unit is 1.5 or lower (a bare unit has 9.6)."""
    rating = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)],
        check=False,  # it fails above a threshold that is not ours
        capture_output=True,
        text=True,
    )
    overall = re.search(r"Overall exposure level for \S+: ([0-9.]+)", rating.stdout)
    assert overall is not None, rating.stderr
    assert float(overall[1]) <= 1.5


@pytest.mark.parametrize("original", [UNIT, COLLECT], ids=lambda unit: unit.name)
def test_systemd_finds_no_fault_in_the_unit(original: Path, tmp_path: Path) -> None:
    """Every line is known to systemd: it ignores a misspelt one with a warning only."""
    agent = tmp_path / "lineside"
    agent.write_text("#!/bin/sh\n", encoding="utf-8")
    agent.chmod(0o755)
    unit = tmp_path / original.name
    text = original.read_text(encoding="utf-8").replace("/opt/lineside/bin/lineside", str(agent))
    unit.write_text(text.replace("file:///opt/lineside", f"file://{tmp_path}"), encoding="utf-8")
    check = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert check.stderr == ""
    assert check.returncode == 0


@pytest.mark.parametrize(
    ("name", "values"),
    [
        # Started and watched by what the agent says of itself.
        ("Type", ["notify"]),
        ("NotifyAccess", ["main"]),
        ("WatchdogSec", ["30"]),
        ("ExecStart", ["/opt/lineside/bin/lineside run /etc/lineside/%i"]),
        ("Environment", ENVIRONMENT),
        # Restarted for ever, except for what only a person can mend.
        ("Restart", ["always"]),
        ("RestartSec", ["2"]),
        ("RestartPreventExitStatus", ["78"]),
        ("OOMPolicy", ["stop"]),
        # A user of its own, with the serial ports.
        ("User", ["lineside"]),
        ("Group", ["lineside"]),
        ("SupplementaryGroups", ["dialout"]),
        ("NoNewPrivileges", ["yes"]),
        ("CapabilityBoundingSet", [""]),
        ("AmbientCapabilities", [""]),
        ("StateDirectory", ["lineside"]),
        ("StateDirectoryMode", ["0700"]),
        ("UMask", ["0077"]),
        ("DevicePolicy", ["closed"]),
        ("DeviceAllow", ["char-ttyUSB rw", "char-ttyACM rw", "char-ttyS rw"]),
        # Only the networks and calls it needs; notifications go over AF_UNIX.
        ("RestrictAddressFamilies", ["AF_INET AF_INET6 AF_UNIX"]),
        ("IPAddressDeny", ["any"]),
        ("SystemCallArchitectures", ["native"]),
        ("SystemCallFilter", ["@system-service", "~@privileged @resources"]),
        ("ProtectSystem", ["strict"]),
        ("MemoryDenyWriteExecute", ["yes"]),
    ],
)
def test_service_says(name: str, values: list[str]) -> None:
    """Each line that the agent or its hardening depends on stands in the unit as it must."""
    assert service(name) == values


@pytest.mark.parametrize(
    "name",
    ["ProcSubset", "PrivateDevices", "PrivateNetwork", "DynamicUser", "RuntimeMaxSec"],
)
def test_service_does_not_say(name: str) -> None:
    """Hardening that hides the boot's identity, the serial ports or the network stays out."""
    assert service(name) == []


def test_systemd_never_gives_up() -> None:
    """However often the agent ends, systemd starts it again."""
    assert settings(UNIT)["[Unit] StartLimitIntervalSec"] == ["0"]


def test_stopping_may_take_a_commit_and_a_confirmation() -> None:
    """The time to stop is longer than one commit and one confirmation by the broker take."""
    assert [int(value) for value in service("TimeoutStopSec")] == [30]


def test_secrets_are_not_in_the_environment() -> None:
    """The unit sets no environment but what is plain to all: secrets come as credentials."""
    names = ("Environment", "EnvironmentFile", "PassEnvironment", "SetCredential")
    assert [value for name in names for value in service(name)] == ENVIRONMENT


def test_user_of_the_unit_is_made() -> None:
    """Sysusers makes the unit's user with the unit's state directory, and lets it at the ports."""
    user, member = words(SYSTEMD / "lineside.sysusers.conf")
    assert [*user[:3], user[-1]] == ["u", *service("User"), "-", "/var/lib/lineside"]
    assert member == ["m", *service("User"), *service("SupplementaryGroups")]


def test_station_files_are_readable_but_not_writable_for_the_agent() -> None:
    """Tmpfiles makes the folder of the station files root's, readable for the unit's group."""
    (folder,) = words(SYSTEMD / "lineside.tmpfiles.conf")
    assert folder == ["d", "/etc/lineside", "0750", "root", *service("Group"), "-"]
    assert service("ExecStart")[0].split()[-1].startswith(folder[1])


def test_scanner_rule_names_a_device_that_the_unit_may_open() -> None:
    """The example rule gives a stable name, the ports' group, and keeps modem managers away."""
    text = (SYSTEMD / "70-lineside-scanner.rules").read_text(encoding="utf-8")
    rule = re.sub(r"\\\n\s*", "", re.sub(r"(?m)^#.*\n", "", text)).strip()
    pairs = dict(re.findall(r'([A-Z]+(?:\{\w+\})?)(?:==|\+=|=)"([^"]*)"', rule))
    assert pairs == {
        "SUBSYSTEM": "tty",
        "ATTRS{idVendor}": "0c2e",
        "ATTRS{idProduct}": "0caa",
        "ATTRS{serial}": "17304B0512",
        "SYMLINK": "lineside/scanner-press-07",
        "GROUP": service("SupplementaryGroups")[0],
        "MODE": "0660",
        "TAG": "systemd",
        "ENV{ID_MM_DEVICE_IGNORE}": "1",
    }


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Type", ["notify"]),
        ("WatchdogSec", ["60"]),
        ("ExecStart", ["/opt/lineside/bin/lineside collect $LINESIDE_COLLECT"]),
        ("Restart", ["always"]),
        ("RestartPreventExitStatus", ["78 2"]),
        ("TimeoutStopSec", ["60"]),
        ("User", ["lineside"]),
        ("StateDirectory", ["lineside-collect"]),
        ("PrivateDevices", ["yes"]),
        ("ProtectSystem", ["strict"]),
        ("MemoryMax", ["512M"]),
    ],
)
def test_collector_says(name: str, values: list[str]) -> None:
    """Its unit is watched and restarted as the agent's, and has no device at all."""
    assert settings(COLLECT)[f"[Service] {name}"] == values
