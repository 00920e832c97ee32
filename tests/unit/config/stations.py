"""Station files for tests: three that are right, and how to make them wrong."""

from pathlib import Path

from agent.app.registries import registries
from agent.config.load import load_source
from agent.config.loaded import StationConfig
from agent.config.problems import ConfigError
from agent.config.source import parse_source

PRESS = r"""
station: acme/press-07
machine: press-07
timezone: Europe/Vienna
operators: {mode: pseudonym, key: credential:operator-key, idle: 8h}
devices:
  plc: {driver: opcua, url: "opc.tcp://127.0.0.1:4840"}
  scanner: {driver: scanner, port: /dev/serial/by-id/one, no_read: [NOREAD, NR]}
tags:
  trigger: {device: plc, node: "nsu=urn:a;s=Trigger"}
  request: {device: plc, node: "nsu=urn:a;s=Request", modulus: 65536}
  counter: {device: plc, node: "nsu=urn:a;s=Count", modulus: 2^32}
  force: {device: plc, node: "nsu=urn:a;s=Force", measure: kN}
  verdict: {device: plc, node: "nsu=urn:a;s=Ok"}
  result: {device: plc, node: "nsu=urn:a;s=Result", write: true}
  ack: {device: plc, node: "nsu=urn:a;s=Ack", write: true}
  ready: {device: plc, node: "nsu=urn:a;s=Ready", write: true}
scans:
  - {match: {regex: 'OP-(?P<operator>\d{4})'}, means: operator}
  - {match: {regex: 'WO-(?P<order>\d{6})'}, means: order}
  - {match: {gs1: ["01", "10"]}, means: component, position: housing}
  - {match: {gs1: ["01", "21"]}, means: unit}
track:
  by: serial
  because: regulated
  pair: {strategy: scan-then-cycle, window: 20s, settle: 150ms, late: 1s}
  end:
    trigger: trigger
    request: request
    guard: counter
    values: [force]
    verdict: verdict
    result: result
    ack: ack
    ready: ready
    answer_within: 4s
  requires: {operator: refuse, order: record}
  components:
    housing: {by: lot, required: true, uncertainty: 30s, lag: [1s, 20s]}
  answers: {duplicate: 13}
publish:
  plant: {sink: mqtt, url: "mqtt://127.0.0.1"}
  audit: {sink: file, path: audit.jsonl, required: false, kinds: [unit_completed]}
"""

FILLER = """
station: acme/filler
machine: filler
timezone: Europe/Vienna
operators: {mode: none}
devices:
  plc: {driver: modbus, host: 127.0.0.1, address_base: wire, byte_order: ABCD}
tags:
  bottles: {device: plc, table: holding, address: 0, type: uint32, modulus: 10^6}
  lot: {device: plc, table: holding, address: 2, type: string, length: 20}
  order: {device: plc, table: holding, address: 12, type: string, length: 20}
  ready: {device: plc, table: coil, address: 0, type: bool, write: true}
  reason: {device: plc, table: holding, address: 30, type: uint16, write: true}
track:
  by: lot
  pair: {strategy: count-only}
  counter: {tag: bottles, max_step: 50, fastest: 100ms}
  lot: {tag: lot}
  order: {tag: order}
  ready: {tag: ready, reason: reason}
"""

CELL = """
station: acme/cell
machine: cell
timezone: Europe/Vienna
operators: {mode: none}
devices:
  plc: {driver: modbus, host: 127.0.0.1, address_base: wire}
tags:
  code: {device: plc, table: holding, address: 0, type: string, length: 20}
  trigger: {device: plc, table: coil, address: 0, type: bool}
  request: {device: plc, table: holding, address: 20, type: uint16, modulus: 2^16}
  result: {device: plc, table: holding, address: 30, type: uint16, write: true}
  ack: {device: plc, table: coil, address: 1, type: bool, write: true}
scans:
  - {match: {regex: 'CELL[0-9]{8}'}, means: unit}
track:
  by: serial
  pair: {strategy: tag}
  end: {trigger: trigger, request: request, unit: code, result: result, ack: ack}
"""


MIXED = (Path(__file__).parents[3] / "config" / "mixed-products.example.yaml").read_text(
    encoding="utf-8"
)
"""Products with a granularity each: the annotated example."""


def edited(text: str, *changes: tuple[str, str]) -> str:
    """Return the text with each change made in its one place."""
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the text"
        text = text.replace(old, new)
    return text


def loaded(text: str) -> StationConfig:
    """Return what a text says as a station file `f`, by the real drivers and sinks."""
    return load_source(parse_source(text.encode(), "f"), registries())


def problems(text: str) -> list[str]:
    """Return what is wrong with a text, none if it is right."""
    try:
        loaded(text)
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


def warnings(text: str) -> list[str]:
    """Return what is doubtful in a text that is right."""
    return [str(warning) for warning in loaded(text).warnings]


def write(folder: Path, **texts: str) -> None:
    """Write station files into a folder, by name."""
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
