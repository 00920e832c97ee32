"""The same observations give the same events: for every example station, and whatever comes."""

from pathlib import Path

import pytest

from agent.core import binder
from agent.core.events import AgentStarted, Event, StateCarried
from agent.core.state import Health, Working
from agent.core.station import Strategy
from agent.formats.json import decode, encode
from tests.played import EXAMPLES, Run, fold, played, station_of

SEEDS = range(3)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name.partition(".")[0])
def test_replaying_what_was_recorded_gives_the_same_bytes(file: Path, seed: int) -> None:
    """With the recorded epochs each event is byte-equal, and so is all that goes out."""
    run, steps = played(file, seed)
    again = Run(station_of(file))
    for step in steps:
        again.take(step)
    assert list(map(encode, again.events)) == list(map(encode, run.events))
    assert again.decisions == run.decisions


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name.partition(".")[0])
def test_cut_anywhere_the_journal_gives_the_same_state_and_outputs(file: Path, seed: int) -> None:
    """After each decision the fold of what was written is the state, and the same is due.

    Within a decision too: what is carried is what was folded, whichever event is the last.
    """
    station, (run, steps) = station_of(file), played(file, seed)
    state, at = binder.initial(station), 0
    for step, decision in zip(steps, run.decisions, strict=True):
        for event in decision.events:
            before = state
            state = binder.evolve(state, decode(encode(event)))
            at += 1
            if isinstance(event, StateCarried) and event.part != binder.PLAN:
                assert getattr(state, event.part) == getattr(before, event.part) or (
                    event.part == "run"
                )
        assert state == decision.state
        health = Health(now_ms=step.now.boot_ms)
        for device in station.devices:
            due = binder.due(state, decision.working, health, device)
            assert due == binder.due(decision.state, decision.working, health, device)
    assert at == len(run.events)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name.partition(".")[0])
def test_pruned_to_a_carried_set_the_journal_gives_the_same_state(file: Path) -> None:
    """What is older than the newest complete set is not needed (D-142)."""
    run, _ = played(file, 0)
    ends = [n for n, e in enumerate(run.events, 1) if isinstance(e, StateCarried) and e.last]
    for end in ends:
        kept = run.events[end - len(binder.PARTS) :]
        assert fold(station_of(file), kept) == run.state


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name.partition(".")[0])
def test_after_a_kill_only_what_a_restart_changes_differs(file: Path, seed: int) -> None:
    """A start changes nothing of what is known but by the events that say so (D-27, DESIGN 2).

    Killed after any decision: the run that follows begins with a state that is the old one folded
    with its own first events, and nothing is working that came before.
    """
    station, (run, steps) = station_of(file), played(file, seed)
    events: list[Event] = []
    for n, (step, decision) in enumerate(zip(steps, run.decisions, strict=True)):
        events += decision.events
        if n % 10:
            continue
        last = events[-1]
        beginning = binder.Beginning(
            epoch="000099-aa",
            version="1",
            previous_epoch=last.epoch,
            previous_seq=last.seq,
            previous_hash="00",
        )
        first = binder.start(decision.state, beginning, step.now)
        recovered = binder.start(fold(station, events), beginning, step.now)
        assert recovered == first
        assert first.working == Working()
        assert isinstance(first.events[0], AgentStarted)
        assert not [e for e in first.events if e.kind.startswith("unit_")]


def test_the_examples_show_every_strategy() -> None:
    """So that the laws above are tried for each."""
    assert {station_of(file).pairing.strategy for file in EXAMPLES} == set(Strategy)


def test_the_histories_do_something() -> None:
    """Random steps reach the answers, the refusals and the counts, not only the links."""
    kinds = {e.kind for file in EXAMPLES for seed in SEEDS for e in played(file, seed)[0].events}
    assert {
        "unit_completed",
        "unit_unbound",
        "unit_refused",
        "code_scanned",
        "scan_expired",
        "lot_counted",
        "cycle_aborted",
        "queue_lost",
        "state_carried",
    } <= kinds
