"""The stations of the simulation: one press, and how it differs from seed to seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

from agent.app.registries import registries
from agent.config.load import load_source
from agent.config.loaded import StationConfig
from agent.config.source import parse_source

STATION = r"""
station: acme/graz/press-07
machine: press-07
timezone: Europe/Vienna
operators: {mode: none}
journal: {keep: KEEP}
devices:
  plc: {driver: opcua, url: "opc.tcp://127.0.0.1:4840", security: {policy: None}}
  scanner:
    driver: scanner
    port: /dev/serial/by-id/usb-Acme_Scanner_1-if00
    reply: {good: "G", bad: "B"}
tags:
  trigger: {device: plc, node: "nsu=urn:acme;s=Press.Trigger"}
  request: {device: plc, node: "nsu=urn:acme;s=Press.Request", modulus: 2^16}
  counter: {device: plc, node: "nsu=urn:acme;s=Press.Count", modulus: 2^32}
  CODE
  force: {device: plc, node: "nsu=urn:acme;s=Press.Force", measure: kN}
  verdict: {device: plc, node: "nsu=urn:acme;s=Press.Ok"}
  boots: {device: plc, node: "nsu=urn:acme;s=Press.Boots"}
  life: {device: plc, node: "nsu=urn:acme;s=Press.Life"}
  result: {device: plc, node: "nsu=urn:acme;s=Press.Result", write: true}
  ack: {device: plc, node: "nsu=urn:acme;s=Press.Ack", write: true}
  ready: {device: plc, node: "nsu=urn:acme;s=Press.Ready", write: true}
scans:
  - {match: {regex: 'L(?P<component>\d{6})'}, means: component, position: housing}
  - {match: {regex: 'SN(?P<unit>\d{8})'}, means: unit}
track:
  by: serial
  pair: PAIR
  end:
    trigger: trigger
    request: request
    guard: counter
    UNIT
    values: [force]
    verdict: verdict
    result: result
    ack: ack
    ready: ready
    answer_within: 5s
  watch:
    plc: {boots: boots, memory_lost: life}
  components:
    housing: {by: lot, until: replaced}
publish:
  plant: {sink: simulated, root: plant}
  units: {sink: simulated, root: units, kinds: [unit_completed, unit_refused, unit_unbound]}
"""
_LINES = {
    True: {
        "PAIR": "{strategy: tag}",
        "UNIT": "unit: code",
        "CODE": 'code: {device: plc, node: "nsu=urn:acme;s=Press.Code"}',
    },
    False: {
        "PAIR": "{strategy: scan-then-cycle, window: 60s, settle: 200ms}",
        "UNIT": "",
        "CODE": "",
    },
}


@dataclass(frozen=True, slots=True)
class Variant:
    """How one simulation differs from others."""

    has_camera: bool
    """Whether the PLC carries the code of the unit; else a person scans it."""
    keep: str
    """How long delivered events stay."""
    every_s: float
    """One burst of faults in so many seconds, on the average."""

    @property
    def text(self) -> str:
        """The station's file."""
        text = STATION.replace("KEEP", self.keep)
        for word, line in _LINES[self.has_camera].items():
            text = text.replace(word, line)
        return text

    @property
    def config(self) -> StationConfig:
        """The station."""
        return load_source(parse_source(self.text.encode(), "press-07.yaml"), registries())


def variant(source: random.Random) -> Variant:
    """Draw one."""
    return Variant(
        has_camera=source.random() < 0.3,
        keep=source.choice(["30d", "10min"]),
        every_s=source.choice([60.0, 150.0, 150.0, 400.0]),
    )
