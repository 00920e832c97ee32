"""A part that is taken out, and units that pass without an answer: what a file says of them."""

from agent.config.explain import explained
from agent.core.station import Bypass, Counter
from tests.unit.config.stations import PRESS, edited, loaded, problems

TAGS = (
    "scans:\n",
    (
        '  passed: {device: plc, node: "nsu=urn:a;s=Passed", modulus: 2^32}\n'
        '  key: {device: plc, node: "nsu=urn:a;s=Key"}\n'
        "scans:\n"
    ),
)


def test_the_plc_counts_what_passed() -> None:
    """With its key or without."""
    for key in ("key", None):
        section = f"{{passed: passed{f', key: {key}' if key else ''}}}"
        changes = [("track:\n", f"track:\n  bypass: {section}\n"), TAGS]
        config = loaded(edited(PRESS, *changes))
        counter = Counter(device="plc", tag="passed", modulus=2**32, max_step=100, fastest_ms=1)
        assert config.station.bypass == Bypass(counter=counter, key=key)
        says = ", 'key' says by key" if key else ""
        assert f"  binds      what 'passed' counts passed without an answer{says}" in explained(
            config
        )
    assert loaded(PRESS).station.bypass is None


def test_its_counter_says_where_it_wraps() -> None:
    """As every counter."""
    changes = [
        ("track:\n", "track:\n  bypass: {passed: passed}\n"),
        TAGS,
        (", modulus: 2^32}\n  k", "}\n  k"),
    ]
    (problem,) = problems(edited(PRESS, *changes))
    assert problem == (
        "f:18:11: tags.passed: is the passed and must say where it wraps; add modulus: 65536, 2^32 "
        "or whatever the PLC program does"
    )


def test_an_answer_can_name_its_request() -> None:
    """It is told; without request numbers it is refused."""
    tags = (
        "scans:\n",
        '  echo: {device: plc, node: "nsu=urn:a;s=Echo", write: true}\nscans:\n',
    )
    text = edited(PRESS, ("    ack: ack\n", "    ack: ack\n    result_request: echo\n"), tags)
    config = loaded(text)
    assert config.station.handshakes[0].result_request == "echo"
    assert "then 'result' with 'echo', then 'ack'" in explained(config)
    (problem,) = problems(edited(text, ("    request: request\n", "")))
    assert problem == (
        "f:35:5: track.end.result_request: `result_request` needs `request`; remove it"
    )


def test_a_handshake_can_be_aborted() -> None:
    """The tag is read as fast as the trigger, and told."""
    changes = [("    values: [force]", "    abort: key\n    values: [force]"), TAGS]
    config = loaded(edited(PRESS, *changes))
    assert config.station.handshakes[0].abort == "key"
    assert next(tag for tag in config.devices["plc"].tags if tag.name == "key").fast
    assert "aborted by 'key'" in explained(config)
