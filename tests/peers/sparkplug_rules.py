"""A host that believes nothing: it judges what an edge node puts on the wire, packet by packet.

Each rule is asked for under the specification's own id (tests/data/sparkplug). What does not hold
is in `problems`; which rules were asked for at all is in `asked`, so that a test can see that none
was left out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from agent.formats.sparkplug import (
    BD_SEQ,
    REBIRTH,
    DataType,
    Metric,
    Payload,
    PayloadError,
    decode,
)
from tests.peers.mqtt_packets import Connect, Publish
from tests.peers.sparkplug_metric_rules import MetricRules, Said

WITH_SEQ = ("NBIRTH", "NDATA", "DBIRTH", "DDATA", "DDEATH")
FIVE_MINUTES_MS = 300_000
SESSION_EXPIRY = 0x11
WITH_WILL = 4


@dataclass(slots=True)
class Seen:
    """One message of the node, as a host reads it."""

    kind: str
    device: str | None
    payload: Payload
    said: list[Said] = field(default_factory=list)

    @property
    def values(self) -> dict[str, object]:
        """What it says of now, by metric name."""
        return {one.name: one.value for one in self.said if not one.historical}

    @property
    def historical(self) -> list[tuple[str, object, int]]:
        """(metric, value, timestamp) of what happened before."""
        return [(one.name, one.value, one.at_ms) for one in self.said if one.historical]


class Rules:
    """What is known of one edge node, over all its connections."""

    def __init__(self, group: str, node: str, *, primary_host: str | None = None) -> None:
        self.asked: Counter[str] = Counter()
        self.problems: list[str] = []
        self.seen: list[Seen] = []
        self.host_online = False
        """What the primary host last said; a test that plays it keeps this true to its messages."""
        self.now_ms: int | None = None
        """The node's time, where a test knows it."""
        self._group, self._node = group, node
        self._primary_host = primary_host
        self._bd_seq: int | None = None
        self._metrics = MetricRules(self.need)
        self._level = 5
        self._filters: dict[str, int] = {}
        self._begin()

    def _begin(self) -> None:
        self._seq: int | None = None
        self._published = 0
        self._metrics.forget()
        self._dead = False

    def need(self, ok: object, why: str, *ids: str) -> None:
        """Ask for rules; without `ok` they are broken."""
        self.asked.update(f"tck-id-{one}" for one in ids)
        if not ok:
            self.problems.append(f"{', '.join(ids)}: {why}")

    def expect_bd_seq(self, used: int) -> None:
        """Take a bdSeq for used, in a session that was not seen here."""
        self._bd_seq = used

    # ------------------------------------------------------------- packets

    def connect(self, said: Connect) -> None:
        """Judge a CONNECT."""
        self._begin()
        self._filters = {}
        self._level = said.level
        if said.level == 5:
            expiry = said.properties.find(bytes([SESSION_EXPIRY]))
            clean = said.clean_start and expiry < 0
            self.need(clean, "session kept", "principles-persistence-clean-session-50")
        else:
            self.need(said.clean_start, "kept", "principles-persistence-clean-session-311")
        self.need(
            said.will is not None, "no will",
            "message-flow-edge-node-birth-publish-will-message", "payloads-ndeath-will-message",
        )  # fmt: skip
        if said.will is not None:
            self._judge_will(said.will, said.flags >> 3 & 3)

    def _judge_will(self, will: Publish, qos: int) -> None:
        flow = "message-flow-edge-node-birth-publish-will-message"
        topic = f"spBv1.0/{self._group}/NDEATH/{self._node}"
        self.need(will.topic == topic, will.topic, f"{flow}-topic", "topics-ndeath-topic")
        self.need(qos == 1, f"QoS {qos}", f"{flow}-qos", "payloads-ndeath-will-message-qos")
        self.need(
            not will.retain, "retained", f"{flow}-will-retained",
            "payloads-ndeath-will-message-retain",
        )  # fmt: skip
        payload = self._decoded(will.payload, f"{flow}-payload")
        if payload is None:
            return
        self._judge_death(payload)
        bd_seq = self._bd_seq_of(payload)
        expected = 0 if self._bd_seq is None else (self._bd_seq + 1) % 256
        self.need(
            bd_seq == expected, f"bdSeq {bd_seq}, not {expected}", f"{flow}-payload-bdSeq",
            "topics-nbirth-bdseq-increment", "payloads-ndeath-bdseq",
        )  # fmt: skip
        self._bd_seq = bd_seq

    def _judge_death(self, payload: Payload) -> None:
        names = [metric.name for metric in payload.metrics]
        self.need(names == [BD_SEQ], f"metrics {names}", "topics-ndeath-payload")
        self.need(payload.seq is None, "has seq", "topics-ndeath-seq", "payloads-ndeath-seq")

    def _bd_seq_of(self, payload: Payload) -> int | None:
        for metric in payload.metrics:
            if metric.name == BD_SEQ and isinstance(metric.value, int):
                self.need(
                    metric.datatype is DataType.INT64, f"bdSeq is {metric.datatype}",
                    "payloads-metric-datatype-req",
                )  # fmt: skip
                return metric.value
        return None

    def subscribe(self, topic: str, qos: int) -> None:
        """Take a subscription; they are judged at the birth."""
        self._filters[topic] = qos

    def disconnect(self, body: bytes) -> None:
        """Judge an intended end: NDEATH before it, and the will with it in MQTT 5."""
        born = self._metrics.is_born(None)
        self.need(
            self._dead or not born, "left without NDEATH",
            "operational-behavior-edge-node-intentional-disconnect-ndeath",
            "operational-behavior-edge-node-intentional-disconnect-packet",
            "payloads-ndeath-will-message-publisher",
        )  # fmt: skip
        if self._level == 5 and born:
            self.need(
                body[:1] == bytes([WITH_WILL]), f"reason {body.hex()}",
                "payloads-ndeath-will-message-publisher-disconnect-mqtt50",
            )  # fmt: skip
        elif born:
            self.need(
                self._dead, "no NDEATH",
                "payloads-ndeath-will-message-publisher-disconnect-mqtt311",
            )  # fmt: skip

    def publish(self, said: Publish) -> None:
        """Judge a message of the node."""
        parts = said.topic.split("/")
        kind, device = self._judge_topic(said.topic, parts)
        payload = self._decoded(said.payload, "message-flow-edge-node-birth-publish-nbirth-payload")
        if payload is None:
            return
        if kind == "NDEATH":
            self._judge_death(payload)
            same = self._bd_seq_of(payload) == self._bd_seq
            self.need(same, "another bdSeq", "payloads-ndeath-bdseq")
            self._dead = True
            self.seen.append(Seen(kind, None, payload))
            return
        self.need(not self._dead, f"{kind} after NDEATH", "topics-ndeath-topic")
        self._judge_delivery(kind, said)
        self._judge_order(kind, device)
        self._judge_times(kind, payload)
        if kind == "NBIRTH":
            self._judge_nbirth(payload)
        self._judge_seq(kind, payload)
        if kind == "DBIRTH":
            self._judge_dbirth(device, payload)
        if kind == "DDEATH":
            self._judge_ddeath(device, payload)
        told = self._metrics.judge(kind, device, payload)
        self._published += 1
        self.seen.append(Seen(kind, device, payload, told))

    # ------------------------------------------------------------- rules of every message

    def _decoded(self, raw: bytes, rule: str) -> Payload | None:
        try:
            payload = decode(raw)
        except PayloadError as error:
            self.need("", str(error), rule)
            return None
        self.need("decoded", "", rule)
        return payload

    def _judge_topic(self, topic: str, parts: list[str]) -> tuple[str, str | None]:
        kind = parts[2] if len(parts) > 2 else ""
        device = parts[4] if len(parts) == 5 else None
        self.need(
            parts[0] == "spBv1.0" and len(parts) in {4, 5}, topic,
            "topic-structure", "topic-structure-namespace-a",
        )  # fmt: skip
        ours = parts[1] == self._group and parts[3] == self._node
        self.need(
            ours, topic, "intro-group-id-string", "intro-edge-node-id-string",
            "topic-structure-namespace-unique-edge-node-descriptor",
            "message-flow-edge-node-birth-publish-nbirth-topic",
        )  # fmt: skip
        plain = not any(sign in "".join(parts) for sign in "+#\0")
        self.need(
            plain, topic, "intro-group-id-chars", "intro-edge-node-id-chars",
            "topic-structure-namespace-valid-group-id",
            "topic-structure-namespace-valid-edge-node-id",
        )  # fmt: skip
        if kind in {"DBIRTH", "DDATA", "DDEATH"}:
            letter = {"DBIRTH": "dbirth", "DDATA": "ddata", "DDEATH": "ddeath"}[kind]
            self.need(
                device, topic, f"topics-{letter}-topic", "intro-device-id-string",
                "intro-device-id-chars", "topic-structure-namespace-valid-device-id",
                "topic-structure-namespace-device-id-associated-message-types",
            )  # fmt: skip
        else:
            letter = {"NBIRTH": "nbirth", "NDATA": "ndata", "NDEATH": "ndeath"}.get(kind, "ndata")
            self.need(
                device is None and kind in {"NBIRTH", "NDATA", "NDEATH"}, topic,
                f"topics-{letter}-topic",
                "topic-structure-namespace-device-id-non-associated-message-types",
            )  # fmt: skip
        return kind, device

    def _judge_delivery(self, kind: str, said: Publish) -> None:
        letter = kind.lower()
        ids = [f"topics-{letter}-mqtt"]
        qos, retain = [], []
        if kind in {"NBIRTH", "DBIRTH", "NDATA", "DDATA"}:
            qos.append(f"payloads-{letter}-qos")
            retain.append(f"payloads-{letter}-retain")
        if kind == "NBIRTH":
            qos.append("message-flow-edge-node-birth-publish-nbirth-qos")
            retain.append("message-flow-edge-node-birth-publish-nbirth-retained")
        if kind == "DBIRTH":
            qos.append("message-flow-device-birth-publish-dbirth-qos")
            retain.append("message-flow-device-birth-publish-dbirth-retained")
        self.need(said.mid is None, f"{kind} not at QoS 0", *ids, *qos)
        self.need(not said.retain, f"{kind} retained", *ids, *retain)

    def _judge_order(self, kind: str, device: str | None) -> None:
        if self._published == 0:
            self.need(
                kind == "NBIRTH", f"{kind} is the first", "principles-birth-certificates-order",
                "message-flow-edge-node-birth-publish-connect",
            )  # fmt: skip
        if kind == "DBIRTH":
            self.need(
                self._metrics.is_born(None), "before NBIRTH", "payloads-dbirth-order",
                "message-flow-device-birth-publish-nbirth-wait",
            )  # fmt: skip
        if kind in {"NDATA", "DDATA"}:
            born = self._metrics.is_born(None) and self._metrics.is_born(device)
            self.need(born, f"{kind} of {device} before birth", f"payloads-{kind.lower()}-order")

    def _judge_times(self, kind: str, payload: Payload) -> None:
        letter = kind.lower()
        stamp = payload.timestamp_ms
        near = stamp is not None and (
            self.now_ms is None or abs(stamp - self.now_ms) < FIVE_MINUTES_MS
        )
        ids = [f"topics-{letter}-timestamp"] if kind != "DDEATH" else []
        self.need(near, f"{kind} at {stamp}", *ids, f"payloads-{letter}-timestamp",
                  "payloads-timestamp-in-UTC")  # fmt: skip
        now = [m.timestamp_ms for m in payload.metrics if not m.is_historical]
        order = now == sorted(now, key=lambda one: one or 0)
        if kind != "DDEATH":
            node = kind.startswith("N")
            self.need(order, f"{kind} {now}", "operational-behavior-data-publish-"
                      f"{'nbirth' if node else 'dbirth'}-order")  # fmt: skip

    def _judge_seq(self, kind: str, payload: Payload) -> None:
        letter, seq = kind.lower(), payload.seq
        self.need(
            seq is not None and 0 <= seq <= 255, f"{kind} seq {seq}",
            "payloads-sequence-num-always-included", f"payloads-{letter}-seq",
        )  # fmt: skip
        if kind != "NBIRTH":
            expected = None if self._seq is None else (self._seq + 1) % 256
            more = {
                "NDATA": ["topics-ndata-seq-num", "payloads-ndata-seq-inc"],
                "DDATA": ["topics-ddata-seq-num", "payloads-ddata-seq-inc"],
                "DBIRTH": [
                    "topics-dbirth-seq", "payloads-dbirth-seq-inc",
                    "message-flow-device-birth-publish-dbirth-payload-seq",
                ],
                "DDEATH": [
                    "topics-ddeath-seq-num", "payloads-ddeath-seq-inc",
                    "payloads-ddeath-seq-number",
                ],
            }[kind]  # fmt: skip
            self.need(
                seq == expected, f"{kind} seq {seq}, not {expected}",
                "payloads-sequence-num-incrementing", *more,
            )  # fmt: skip
        self._seq = seq

    # ------------------------------------------------------------- births and deaths

    def _judge_nbirth(self, payload: Payload) -> None:
        if self._primary_host is not None:
            self.need(
                self.host_online, "born while the host is offline",
                "message-flow-edge-node-birth-publish-phid-wait",
                "message-flow-edge-node-birth-publish-phid-wait-id",
                "message-flow-edge-node-birth-publish-phid-wait-online",
                "operational-behavior-edge-node-birth-sequence-wait",
            )  # fmt: skip
            self.need(
                f"spBv1.0/STATE/{self._primary_host}" in self._filters, "STATE not subscribed",
                "operational-behavior-primary-application-state-with-multiple-servers-state-subs",
            )  # fmt: skip
        ncmd = f"spBv1.0/{self._group}/NCMD/{self._node}"
        self.need(
            self._filters.get(ncmd) == 1, f"{self._filters}",
            "message-flow-edge-node-ncmd-subscribe", "topics-ncmd-topic",
        )  # fmt: skip
        self.need(
            payload.seq == 0, f"seq {payload.seq}", "topics-nbirth-seq-num",
            "payloads-sequence-num-req-nbirth",
            "message-flow-edge-node-birth-publish-nbirth-payload-seq",
        )  # fmt: skip
        bd_seq = self._bd_seq_of(payload)
        self.need(bd_seq is not None, "no bdSeq", "topics-nbirth-bdseq-included",
                  "payloads-nbirth-bdseq")  # fmt: skip
        self.need(
            bd_seq == self._bd_seq, f"bdSeq {bd_seq}, will {self._bd_seq}",
            "topics-nbirth-bdseq-matching", "payloads-nbirth-bdseq-repeat",
            "message-flow-edge-node-birth-publish-nbirth-payload-bdSeq",
            "operational-behavior-data-commands-rebirth-action-3",
        )  # fmt: skip
        rebirth = next((m for m in payload.metrics if m.name == REBIRTH), Metric())
        self.need(
            rebirth.datatype is DataType.BOOLEAN and rebirth.value is False, f"{rebirth}",
            "topics-nbirth-rebirth-metric", "payloads-nbirth-rebirth-req",
            "operational-behavior-data-commands-rebirth-name",
            "operational-behavior-data-commands-rebirth-datatype",
            "operational-behavior-data-commands-rebirth-value",
        )  # fmt: skip
        self.need(
            rebirth.alias is None, "rebirth has an alias",
            "operational-behavior-data-commands-rebirth-name-aliases",
        )  # fmt: skip
        self._metrics.begin()

    def _judge_dbirth(self, device: str | None, payload: Payload) -> None:
        self.need(
            device, "no device", "message-flow-device-birth-publish-dbirth-topic",
            "message-flow-device-birth-publish-dbirth-match-edge-node-topic",
            "message-flow-device-birth-publish-dbirth-payload",
        )  # fmt: skip
        dcmd = f"spBv1.0/{self._group}/DCMD/{self._node}/+"
        self.need(self._filters.get(dcmd) == 1, f"{self._filters}", "topics-dcmd-topic",
                  "message-flow-device-dcmd-subscribe")  # fmt: skip
        self._metrics.bear(device)
        self.need(payload.metrics, "no metrics", "topics-dbirth-metrics")

    def _judge_ddeath(self, device: str | None, payload: Payload) -> None:
        self.need(
            self._metrics.is_born(device),
            f"{device} was not born",
            "operational-behavior-device-ddeath",
        )
        self.need(not payload.metrics, "metrics in a death", "topics-ddeath-topic")
        self._metrics.bury(device)
