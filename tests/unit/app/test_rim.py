"""The real clock, secrets and directories."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agent.app.rim import (
    SystemClock,
    SystemRandom,
    boot_id,
    offset_min,
    secret,
    state_directory,
)
from drivers.base import ClockState


def test_both_clocks_are_read_together() -> None:
    """Wall time is UTC, boot time counts suspends, and the offset is the zone's of now."""
    before_ms = time.time_ns() // 1_000_000
    now = SystemClock("Asia/Kathmandu").now()
    assert before_ms <= now.wall_ms <= time.time_ns() // 1_000_000
    assert now.boot_ms <= time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
    assert now.offset_min == 345
    vienna = datetime.now(UTC).astimezone(ZoneInfo("Europe/Vienna")).utcoffset()
    assert vienna is not None
    assert SystemClock("Europe/Vienna").now().offset_min == vienna.total_seconds() // 60
    assert now.clock_state in {ClockState.SYNCED, ClockState.UNSYNCED}


@pytest.mark.parametrize(
    ("zone", "before", "offsets"),
    [
        ("Europe/Vienna", "2026-03-29T00:59:59.999+00:00", (60, 120)),
        ("Europe/Vienna", "2026-10-25T00:59:59.999+00:00", (120, 60)),
        ("Australia/Lord_Howe", "2026-04-04T14:59:59.999+00:00", (660, 630)),
        ("Europe/Vienna", "2038-01-19T03:14:07.999+00:00", (60, 60)),
        ("Europe/Vienna", "2039-03-27T00:59:59.999+00:00", (60, 120)),
    ],
)
def test_summer_time_begins_and_ends_to_the_millisecond(
    zone: str, before: str, offsets: tuple[int, int]
) -> None:
    """The hour that comes twice is told apart by its offset, beyond 2038 too (C03, C10)."""
    last_ms = round(datetime.fromisoformat(before).timestamp() * 1000)
    assert (offset_min(ZoneInfo(zone), last_ms), offset_min(ZoneInfo(zone), last_ms + 1)) == offsets
    assert offsets[0] == offsets[1] or (last_ms + 1) % 60_000 == 0  # it looks again each minute


def test_a_clock_that_nobody_sets_any_more_holds_over_and_says_for_how_long(
    tmp_path: Path,
) -> None:
    """Never set, set just now, and not for three hours: each is another state (D-90, C06)."""
    touched, made = tmp_path / "timesync", tmp_path / "chrony"

    def seen() -> tuple[ClockState, int | None]:
        now = SystemClock(touched=touched, made=made).now()
        return now.clock_state, now.unsynced_s

    assert seen() == (ClockState.UNSYNCED, None)
    touched.touch()
    assert seen() == (ClockState.SYNCED, None)
    day_ago_s = time.time() - 86_400
    os.utime(touched, (day_ago_s, day_ago_s))
    state, unsynced_s = seen()
    assert state is ClockState.HOLDOVER
    assert unsynced_s is not None
    assert 86_400 <= unsynced_s < 86_460
    made.touch()
    assert seen() == (ClockState.SYNCED, None)


def test_a_clock_whose_daemon_goes_holds_over(tmp_path: Path) -> None:
    """What says that the clock is set is gone: it was set, and how long ago is told."""
    for name in ("touched", "made"):
        there = tmp_path / name
        clock = SystemClock(touched=tmp_path / "touched", made=tmp_path / "made")
        there.touch()
        assert clock.now().clock_state is ClockState.SYNCED
        there.unlink()
        vars(clock)["_looked_ms"] -= 1000  # a second later
        now = clock.now()
        assert now.clock_state is ClockState.HOLDOVER
        assert now.unsynced_s is not None
        assert 0 <= now.unsynced_s < 60


async def test_the_clock_sleeps() -> None:
    """Waiting goes by the same clock that is read."""
    clock = SystemClock()
    before = clock.now()
    await clock.sleep(0.02)
    assert clock.now().boot_ms - before.boot_ms >= 19


def test_the_boot_is_named_by_the_service_manager_where_it_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The kernel's own id is used by hand; under systemd the unit passes it (PITFALLS D3)."""
    monkeypatch.delenv("LINESIDE_BOOT_ID", raising=False)
    assert len(boot_id()) == 32
    monkeypatch.setenv("LINESIDE_BOOT_ID", "b00t")
    assert SystemClock().now().boot_id == "b00t"


def test_secrets_are_read_anew_from_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A credential, a file or a variable; a new one is used without a restart."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("LINESIDE_TEST_SECRET", "by variable")
    (tmp_path / "key").write_text("by credential\n")
    assert secret("credential:key") == "by credential"
    assert secret(f"file:{tmp_path}/key") == "by credential"
    assert secret("env:LINESIDE_TEST_SECRET") == "by variable"
    (tmp_path / "key").write_bytes(b"\xff")
    with pytest.raises(OSError, match=r"/key is no text$"):
        secret("credential:key")
    (tmp_path / "key").write_text("new\n")
    assert secret("credential:key") == "new"
    with pytest.raises(FileNotFoundError):
        secret("credential:other")
    with pytest.raises(OSError, match=r"^the environment has no LINESIDE_NO_SUCH_SECRET$"):
        secret("env:LINESIDE_NO_SUCH_SECRET")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    with pytest.raises(OSError, match=r"^no credentials were passed; .* LoadCredential=key:FILE$"):
        secret("credential:key")


def test_the_state_directory_is_the_first_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """One's own variable, then systemd's, then the user's own place."""
    for variable in ("LINESIDE_STATE", "STATE_DIRECTORY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", "/own/state")
    assert state_directory() == Path("/own/state/lineside")
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/lineside")
    assert state_directory() == Path("/var/lib/lineside")
    monkeypatch.setenv("LINESIDE_STATE", "/data")
    assert state_directory() == Path("/data")


def test_randomness_is_of_the_length_and_range_asked_for() -> None:
    """Ids in lower-case hex, jitter between its bounds, and no two ids alike."""
    random = SystemRandom()
    assert len({random.token_hex(4) for _ in range(100)}) == 100
    assert all(len(random.token_hex(4)) == 8 for _ in range(10))
    assert all(1 <= random.uniform(1, 2) <= 2 for _ in range(100))
