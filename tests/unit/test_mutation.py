"""The mutants that `make mutate` tries, and what it says of a sample."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation import plan
from tests.mutation.mutants import made

ROOT = Path(__file__).parents[2]


def test_each_mutant_is_one_change_of_one_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its whole file compiles, and differs in the lines that it names and in no other."""
    monkeypatch.chdir(ROOT)
    code = (ROOT / plan.file_of("counting")).read_text(encoding="utf-8")
    mutants = made(ROOT, "counting")
    assert len({mutant.name for mutant in mutants}) == len(mutants) > 10
    for mutant in mutants:
        whole = mutant.whole(code)
        compile(whole, "counting.py", "exec")
        gone = {line[1:] for line in mutant.changed if line.startswith("-")}
        assert set(code.splitlines()) - set(whole.splitlines()) <= gone
        numbered = code.splitlines()
        assert any(numbered[line - 1] in gone for line in mutant.lines)
        with pytest.raises(ValueError, match="is not of this text"):
            mutant.whole(whole)


def test_a_mutant_in_place_is_what_callers_call() -> None:
    """Whoever has the function already calls the changed one; in a process of its own."""
    text = """
from pathlib import Path
from agent.core.identity.badge import pseudonym as held
from tests.mutation import warm
from tests.mutation.mutants import made
right = held(b"key", "4711")
(mutant,) = [each for each in made(Path.cwd(), "identity/badge") if "(None," in each.source
             and each.function == "pseudonym"]
warm.put("identity/badge", mutant)
try:
    held(b"key", "4711")
except TypeError:
    print("changed")
"""
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("changed\n", "")


@pytest.mark.parametrize(
    ("lives", "tried", "low", "high"),
    [(0, 40, 0.0, 0.088), (4, 40, 0.040, 0.231), (40, 40, 0.912, 1.0), (0, 0, 0.0, 1.0)],
)
def test_a_sample_says_how_little_it_knows(lives: int, tried: int, low: float, high: float) -> None:
    """Wilson's interval at 95 %."""
    assert plan.interval(lives, tried) == pytest.approx((low, high), abs=0.001)


def test_a_sample_is_drawn_again_by_its_seed() -> None:
    """The same mutants by the same seed, others by another; all, where there are no more."""
    names = [str(n) for n in range(1_000)]
    first = plan.drawn(names, "cycle", 40, seed=1)
    assert len(first) == 40
    assert first == plan.drawn(names, "cycle", 40, seed=1)
    assert first != plan.drawn(names, "cycle", 40, seed=2)
    assert plan.drawn(names, "cycle", None, seed=1) == set(names)
