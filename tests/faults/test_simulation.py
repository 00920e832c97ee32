"""The short form of the simulation: the whole agent in virtual time, from a seed (issue 6, 10)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sim.faults import NOTHING
from tests.sim.run import Task, Wrong, simulate

HOURS = 0.5
CYCLE_S = 20.0
"""Half as many parts an hour as in the long form: what costs time here is parts."""
SEEDS = 50
SHARE = 10

_DEATHS = ("kill", "power cut", "cut in a write", "many cuts", "slow disk")
_BROKER = ("broker away", "session taken over", "broker mute")
CONTROLS = {Wrong.EARLY: _DEATHS, Wrong.UNSENT: _BROKER, Wrong.LYING: _DEATHS}
"""What is done wrong, and the faults by which it must be seen."""


@pytest.mark.parametrize("first", range(1, SEEDS + 1, SHARE))
def test_every_seed_holds_the_oracle(first: int) -> None:
    """Whatever faults are drawn, nothing is lost, altered, invented or untold (FAULTS, oracle)."""
    for seed in range(first, first + SHARE):
        outcome = simulate(Task(seed=seed, hours=HOURS, cycle_s=CYCLE_S))
        assert outcome.problems == [], f"python -m tests.sim --seed {seed} --hours {HOURS}"
        assert outcome.verdict.voids == [], outcome.task


@pytest.mark.parametrize("seed", [1, 2])
def test_an_undisturbed_run_binds_every_part(seed: int) -> None:
    """Without a fault each stroke is one completed unit, by scan and by camera."""
    outcome = simulate(Task(seed=seed, hours=HOURS, cycle_s=CYCLE_S, only=(NOTHING,)))
    assert outcome.problems == []
    assert outcome.verdict.kinds["unit_completed"] == outcome.verdict.acked
    assert outcome.verdict.acked > HOURS * 3600 / CYCLE_S * 0.8
    assert outcome.verdict.voids == ["8: no fault was there"]


@pytest.mark.parametrize("wrong", CONTROLS)
def test_the_oracle_sees_what_is_done_wrong(wrong: Wrong) -> None:
    """A control loses an event in one of a few runs, and the oracle names the loss."""
    tasks = [
        Task(seed=seed, hours=HOURS, cycle_s=CYCLE_S, only=CONTROLS[wrong], wrong=wrong)
        for seed in range(1, 25)  # the first in which it does is the last that is run
    ]
    seen = (problem for task in tasks for problem in simulate(task).problems)
    assert any(problem.startswith("1: ") for problem in seen)


def test_a_seed_is_the_same_run_to_the_last_byte() -> None:
    """Journal, deliveries and log are alike although Python hashes texts otherwise."""
    code = (
        "from tests.sim.run import Task, simulate\n"
        "outcome = simulate(Task(seed=7, hours=0.25))\n"
        "print(outcome.digest, outcome.steps)\n"
    )
    root = Path(__file__).parents[2]
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            cwd=root,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(told) == 1
    assert told.pop().split()[0]
