"""How a machine's state is seen, and what is said of it (D-105, D-106)."""

import pytest

from agent.config.explain import explained
from agent.core.station import Category, Numbering, StateSource
from tests.unit.config.stations import FILLER, PRESS, edited, loaded, problems

TAGS = (
    "scans:\n",
    (
        '  state: {device: plc, node: "nsu=urn:a;s=State"}\n'
        '  halt: {device: plc, node: "nsu=urn:a;s=Halt"}\n'
        "scans:\n"
    ),
)


def stated(state: str) -> str:
    """Return the press with a state."""
    return edited(PRESS, ("track:\n", f"track:\n  state: {state}\n"), TAGS)


def told(text: str) -> list[str]:
    """Return what is told of watching."""
    lines = explained(loaded(text)).splitlines()
    return [line.removeprefix("  watches    ") for line in lines if "watches  " in line]


def test_packml_is_told_with_its_numbering() -> None:
    """And what a state is otherwise than usual."""
    text = stated(
        "{packml: state, numbering: opc30060, categories: {suspended: starved}, reason: halt}"
    )
    state = loaded(text).station.state
    assert state is not None
    assert (state.device, state.word, state.numbering) == ("plc", "state", Numbering.OPC30060)
    assert state.categories["suspended"] is Category.STARVED
    assert state.categories["execute"] is Category.RUNNING
    assert told(text) == ["what the machine does by 'state' (PackML, opc30060), why by 'halt'"]
    assert loaded(PRESS).station.state is None


def test_a_word_two_bits_and_a_counter_are_told() -> None:
    """Each way in its words."""
    word = stated("{word: state, values: {running: 1, down: [4, 5]}}")
    assert told(word) == ["what the machine does by 'state' (numbers of its own)"]
    values = {1: Category.RUNNING, 4: Category.DOWN, 5: Category.DOWN}
    assert loaded(word).station.state == StateSource(device="plc", word="state", values=values)
    assert told(stated("{run: state, fault: halt}")) == [
        "what the machine does by 'state' and 'halt'"
    ]
    assert told(stated("{run: state}")) == ["what the machine does by 'state'"]
    text = edited(FILLER, ("track:\n", "track:\n  state: {ideal: 2s, factor: 4}\n"))
    assert told(text) == ["the machine as stopped after 8s without a cycle"]
    state = loaded(text).station.state
    assert state == StateSource(device="plc", quiet_ms=8_000)


SLIPS = {
    "nothing": ("{}", "track.state: nothing is watched; give one of packml, word, run, ideal"),
    "two ways": (
        "{run: state, word: halt, values: {running: 1}}",
        "track.state: word and run stand side by side; give one of packml, word, run, ideal",
    ),
    "no numbering": (
        "{packml: state}",
        (
            "track.state.packml: PackML has two numberings, and nothing says which; "
            "add numbering: packtags, or opc30060"
        ),
    ),
    "no values": (
        "{word: state}",
        "track.state.word: `word` needs `values`; say which number is what",
    ),
    "no counter": (
        "{ideal: 2s}",
        "track.state.ideal: `ideal` needs `track.counter`; or choose another way",
    ),
    "a key of another way": (
        "{run: state, factor: 2}",
        "track.state.factor: `factor` needs `ideal`; remove it",
    ),
    "a number twice": (
        "{word: state, values: {running: 1, down: [1, 1]}}",
        "track.state.values.down: 1 is running already; a number is one state",
    ),
}


@pytest.mark.parametrize("name", SLIPS)
def test_a_state_that_cannot_be_seen_is_refused(name: str) -> None:
    """Where it stands, and what to do."""
    state, said = SLIPS[name]
    found = [problem.split(": ", 1)[1] for problem in problems(stated(state))]
    assert said in found
    assert all(problem.startswith("track.state") for problem in found)


def test_one_device_tells_the_state() -> None:
    """Tags of two could contradict each other in time."""
    device = 'devices:\n  other: {driver: opcua, url: "opc.tcp://127.0.0.1:4899"}\n'
    text = edited(
        stated("{run: state, fault: halt}"),
        ("devices:\n", device),
        ("halt: {device: plc", "halt: {device: other"),
    )
    (problem,) = problems(text)
    assert problem.endswith(
        "track.state: its tags are on other and plc; one device tells the state"
    )
