"""docs/plc: the function blocks parse and do what they say, and the SCL text is made from them."""

import runpy
from pathlib import Path
from typing import Any

import pytest

from tests.st_code import Scope, StructuredTextError
from tests.structured_text import Clock, Instance, Library, fitting

ROOT = Path(__file__).parents[3]
PLC = ROOT / "docs" / "plc"
TEXTS = sorted(PLC.glob("*.st"))


@pytest.fixture(scope="module")
def library() -> Library:
    """Return everything that our texts declare."""
    return read(TEXTS)


def read(texts: list[Path]) -> Library:
    """Return what the texts declare."""
    declared = Library()
    for path in texts:
        declared.read(path.read_text(encoding="utf-8"))
    return declared


def test_texts_are_structured_text(library: Library) -> None:
    """Each text parses, and declares what the page speaks of."""
    assert set(library.units) == {
        "FB_LinesideHandshake",
        "FB_LinesideLink",
        "PRG_LinesideExample",
    }


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_texts_are_plain(path: Path) -> None:
    """Old editors garble what is not ASCII, and wrap what is long."""
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.isascii() or len(line) > 100 or "\t" in line] == []


def test_scl_is_made_from_structured_text() -> None:
    """The SCL texts are what `.ci/make_scl.py` writes, and there is no other."""
    made = runpy.run_path(str(ROOT / ".ci" / "make_scl.py"))["texts"]()
    shipped = {path.name: path.read_text(encoding="utf-8") for path in PLC.glob("*.scl")}
    assert shipped == made


# ------------------------------------------------------------------ the link


class Link:
    """FB_LinesideLink on a controller, with its retentive memory."""

    def __init__(self, library: Library, memory: Scope | None = None) -> None:
        self.clock = Clock(now_ms=5000)
        self.block = Instance(library.units["FB_LinesideLink"], library, self.clock)
        self.memory = memory or library.fresh("ST_LinesideLinkMemory", self.clock)

    def scan(self, after_ms: int = 0, **inputs: object) -> Scope:
        """Run one scan that much later and return what the block shows."""
        self.clock.now_ms += after_ms
        self.block.call({"Memory": self.memory, **inputs})
        return self.block.members


def test_heartbeat_changes_at_its_pace_and_wraps(library: Library) -> None:
    """One step each BeatTime, and 0 after the last (D-32)."""
    link = Link(library)
    assert link.scan()["Beat"] == 0
    assert link.scan(999)["Beat"] == 0
    assert link.scan(1)["Beat"] == 1
    assert link.scan(1000)["Beat"] == 2
    link.block.members["Beat"] = 65_535
    assert link.scan(1000)["Beat"] == 0


def test_life_changes_only_when_memory_was_lost(library: Library) -> None:
    """A restart counts a boot; lost memory takes another life (D-33)."""
    first = Link(library)
    assert [first.scan(Clock=700)[each] for each in ("Life", "Boots")] == [700, 1]
    kept = Link(library, first.memory)
    assert [kept.scan(Clock=900)[each] for each in ("Life", "Boots")] == [700, 2]
    lost = Link(library)
    assert [lost.scan(Clock=950)[each] for each in ("Life", "Boots")] == [950, 1]
    assert Link(library).scan()["Life"] == 1


def test_agent_is_alive_while_its_beat_changes(library: Library) -> None:
    """Not before the first change, and no longer than AgentTime after the last; 0: not watched."""
    link = Link(library)
    watch = {"AgentTime": 3000}
    assert not link.scan(AgentBeat=7, **watch)["AgentAlive"]
    assert link.scan(100, AgentBeat=8, **watch)["AgentAlive"]
    assert link.scan(2999, AgentBeat=8, **watch)["AgentAlive"]
    assert not link.scan(1, AgentBeat=8, **watch)["AgentAlive"]
    assert link.scan(1, AgentBeat=9, **watch)["AgentAlive"]
    assert Link(library).scan()["AgentAlive"]


# ------------------------------------------------------------------ the example


class Press:
    """The example program; what the agent writes stands until it is changed."""

    def __init__(self, library: Library) -> None:
        self.clock = Clock()
        self.program = Instance(library.units["PRG_LinesideExample"], library, self.clock)
        self.now = self.program.members
        self.now["FromAgent"]["Ready"] = True

    def scan(self, after_ms: int = 10, *, ack: bool = False, result: int = 0) -> Scope:
        """Run one scan that much later and return what the agent sees."""
        self.clock.now_ms += after_ms
        self.now["FromAgent"] |= {"Ack": ack, "Result": result}
        self.program.call({})
        shown: Scope = self.now["ToAgent"]
        return shown

    def stroke(self) -> None:
        """End a stroke and let the block ask."""
        self.now |= {"StrokeEnded": True, "MeasuredForce": 12.5, "MeasuredOk": True}
        self.scan()
        self.now |= {"StrokeEnded": False, "MeasuredForce": 0.0}
        assert self.scan(20)["Trigger"]

    def fates(self) -> list[str]:
        """Return what becomes of the part."""
        return [each for each in ("PartMayGo", "PartToReject", "PartHeld") if self.now[each]]


@pytest.mark.parametrize(
    ("answer", "fate"),
    [
        (1, "PartMayGo"),
        (2, "PartToReject"),
        (3, "PartToReject"),
        (4, "PartHeld"),
        (5, "PartToReject"),
        (6, "PartHeld"),
        (8, "PartHeld"),
        (99, "PartHeld"),
    ],
)
def test_example_does_what_each_answer_asks(library: Library, answer: int, fate: str) -> None:
    """One fate for each answer (D-39), also for an unknown one; the data stands till then."""
    press = Press(library)
    press.scan()
    assert press.now["MayPress"]
    press.stroke()
    assert not press.now["MayPress"]
    assert (press.now["ToAgent"]["Force"], press.fates()) == (12.5, [])
    press.scan(ack=True, result=answer)
    assert press.fates() == [fate]
    press.scan()
    assert press.now["MayPress"] == (fate != "PartHeld")


def test_example_holds_the_part_after_a_seven(library: Library) -> None:
    """Nothing is decided by a 7: the same request is raised again (D-40)."""
    press = Press(library)
    press.stroke()
    press.scan(ack=True, result=7)
    press.scan()
    assert press.fates() == []
    shown = press.scan(200)
    assert (shown["Trigger"], shown["Request"]) == (True, 1)


def test_example_presses_only_when_it_can_be_recorded(library: Library) -> None:
    """Not ready: no stroke, unless the key says so."""
    press = Press(library)
    press.now["FromAgent"]["Ready"] = False
    press.scan()
    assert not press.now["MayPress"]
    press.now["BypassKey"] = True
    press.scan()
    assert press.now["MayPress"]
    press.stroke()
    assert press.scan(8000)["PassedCount"] == 1
    assert press.fates() == ["PartMayGo"]


# ------------------------------------------------------------------ what runs the texts


def declared(body: str, variables: str = "") -> Any:  # noqa: ANN401 - of any type of the language
    """Return what a small block leaves in `X`."""
    text = f"FUNCTION_BLOCK F VAR X : INT; {variables} END_VAR {body} END_FUNCTION_BLOCK"
    library = Library().read(text)
    instance = Instance(library.units["F"], library, Clock())
    instance.call({})
    return instance.members["X"]


REFUSED = [
    ("X := 40000;", ""),
    ("X := TRUE;", ""),
    ("Y := 1;", ""),
    ("X := ABS(X);", ""),
    ("X := -X;", ""),
    ("X := 16#10;", ""),
    ("X := T;", "END_VAR VAR_TEMP T : INT;"),
]
"""What a controller would do otherwise, or not at all."""


def test_subset_runs_as_the_standard_says() -> None:
    """Precedence, CASE with lists, ELSIF and ELSE."""
    assert declared("X := 1 + 7 MOD 4;") == 4
    assert declared("CASE X OF 1: X := 5; 0, 2: X := 6; END_CASE") == 6
    assert declared("CASE X OF 1: X := 5; ELSE X := 7; END_CASE") == 7
    assert declared("IF X = 1 THEN X := 5; ELSIF NOT (X = 0) THEN X := 6; ELSE X := 8; END_IF") == 8
    assert declared("IF X < 1 AND X >= 0 OR FALSE THEN X := 9; END_IF") == 9


@pytest.mark.parametrize(("body", "variables"), REFUSED)
def test_what_is_not_of_the_subset_is_an_error(body: str, variables: str) -> None:
    """An overflow, a wrong type, an unknown name, a call, a temp without a value: never a guess."""
    with pytest.raises(StructuredTextError):
        declared(body, variables)


def test_time_is_whole_milliseconds_in_31_bits() -> None:
    """The narrowest TIME in use is what must be enough."""
    assert fitting("TIME", 2**31 - 1, "t") == 2**31 - 1
    with pytest.raises(StructuredTextError, match="t: 2147483648 is no TIME"):
        fitting("TIME", 2**31, "t")
