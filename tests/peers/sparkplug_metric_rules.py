"""The rules about metrics: what was born with which name, alias and type, and what data says of it.

Part of `sparkplug_rules`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from agent.formats.sparkplug import (
    BD_SEQ,
    DEVICE_REBIRTH,
    REBIRTH,
    DataType,
    Metric,
    Payload,
    signed,
)


class Need(Protocol):
    """Asks for rules; without `ok` they are broken."""

    def __call__(self, ok: object, why: str, *ids: str) -> None:
        """Ask."""
        ...


@dataclass(frozen=True, slots=True)
class Said:
    """What one metric of a message says, once its alias is looked up."""

    name: str
    value: object
    at_ms: int
    historical: bool


class MetricRules:
    """The metrics of one node, over all its sessions."""

    def __init__(self, need: Need) -> None:
        self.need = need
        self._aliases: dict[int, str] = {}
        self.forget()

    def forget(self) -> None:
        """Begin a connection: nothing is born."""
        self._metrics: dict[str | None, dict[str, DataType]] = {}
        self._names: dict[int, tuple[str | None, str]] = {}
        self._latest: dict[str, object] = {}

    def begin(self) -> None:
        """Let the node be born, and with it nothing else."""
        self.forget()
        self._metrics[None] = {}

    def bear(self, device: str | None) -> None:
        """Let a device be born."""
        self._metrics[device] = {}

    def bury(self, device: str | None) -> None:
        """Let a device be dead."""
        self._metrics.pop(device, None)

    def is_born(self, device: str | None) -> bool:
        """Whether a device, or without a name the node, is born and not dead."""
        return device in self._metrics

    def judge(self, kind: str, device: str | None, payload: Payload) -> list[Said]:
        """Judge the metrics of a message and return what they say."""
        told: list[Said] = []
        for metric in payload.metrics:
            self.need(
                metric.timestamp_ms is not None, f"{kind} {metric.name} has no timestamp",
                "payloads-name-birth-data-requirement", "payloads-metric-timestamp-in-UTC",
            )  # fmt: skip
            self._judge_properties(metric)
            if kind in {"NBIRTH", "DBIRTH"}:
                name, datatype = self._judge_born(kind, device, metric)
            else:
                name, datatype = self._judge_data(kind, device, metric)
            value = signed(metric.value, datatype)
            told.append(Said(name, value, metric.timestamp_ms or 0, metric.is_historical))
            if not metric.is_historical:
                self._judge_news(kind, device, name, metric)
        return told

    def _judge_news(self, kind: str, device: str | None, name: str, metric: Metric) -> None:
        """Data says what has changed, and nothing else."""
        known = f"{device}/{name}"
        quality = metric.properties["Quality"].value if metric.properties else None
        says = (metric.value, metric.is_null, quality)
        if kind in {"NDATA", "DDATA"}:
            node = kind == "NDATA"
            self.need(
                self._latest.get(known) != says, f"{known} says {says} again",
                "principles-rbe-recommended", f"topics-{kind.lower()}-payload",
                f"operational-behavior-data-publish-{'nbirth' if node else 'dbirth'}-change",
            )  # fmt: skip
        self._latest[known] = says

    def _judge_born(self, kind: str, device: str | None, metric: Metric) -> tuple[str, DataType]:
        letter = kind.lower()
        name, datatype = metric.name or "", metric.datatype
        self.need(
            metric.name, "a metric without a name", "payloads-name-requirement",
            f"topics-{letter}-metrics",
        )  # fmt: skip
        self.need(
            datatype not in {None, DataType.UNKNOWN}, f"{name} is {datatype}",
            "payloads-metric-datatype-req", "payloads-metric-datatype-value",
            "payloads-metric-datatype-value-type", f"topics-{letter}-metrics",
        )  # fmt: skip
        self.need(
            (metric.value is None) is metric.is_null, f"{name} has no value and is not null",
            f"operational-behavior-data-publish-{letter}-values", f"topics-{letter}-metrics",
        )  # fmt: skip
        self.need(
            not metric.is_historical, name, f"operational-behavior-data-publish-{letter}-values"
        )
        folded = {one.casefold() for one in self._metrics[device]}
        self.need(name.casefold() not in folded, name, "case-sensitivity-metric-names")
        has_alias = name not in {BD_SEQ, REBIRTH, DEVICE_REBIRTH}
        self.need((metric.alias is not None) is has_alias, name, "payloads-alias-birth-requirement")
        self._metrics[device][name] = datatype or DataType.UNKNOWN
        if metric.alias is not None:
            owner = f"{device}/{name}"
            self.need(
                self._aliases.setdefault(metric.alias, owner) == owner,
                f"alias {metric.alias} of {owner} was {self._aliases[metric.alias]}",
                "payloads-alias-uniqueness",
            )  # fmt: skip
            self._names[metric.alias] = (device, name)
        return name, datatype or DataType.UNKNOWN

    def _judge_data(self, kind: str, device: str | None, metric: Metric) -> tuple[str, DataType]:
        node = kind == "NDATA"
        owner, name = self._names.get(metric.alias or 0, (None, ""))
        self.need(
            metric.name is None and metric.alias is not None, f"{kind} {metric.name}",
            "payloads-alias-data-cmd-requirement",
        )  # fmt: skip
        self.need(metric.datatype is None, f"{kind} {name}", "payloads-metric-datatype-not-req")
        letter = "nbirth" if node else "dbirth"
        self.need(
            name and owner == device, f"{kind} of {device}: alias {metric.alias} was not born",
            f"topics-{letter}-metric-reqs", f"operational-behavior-data-publish-{letter}",
        )  # fmt: skip
        datatype = self._metrics.get(device, {}).get(name, DataType.UNKNOWN)
        return name, datatype

    def _judge_properties(self, metric: Metric) -> None:
        quality = metric.properties.get("Quality")
        if quality is None:
            return
        self.need(
            quality.datatype is DataType.INT32, f"{quality}",
            "payloads-propertyset-quality-value-type",
            "payloads-metric-propertyvalue-type-type", "payloads-metric-propertyvalue-type-value",
            "payloads-metric-propertyvalue-type-req",
        )  # fmt: skip
        self.need(
            quality.value in {0, 192, 500}, f"{quality}", "payloads-propertyset-quality-value-value"
        )
        self.need(  # `decode` refuses a set that has not as many keys as values
            metric.properties, "", "payloads-propertyset-keys-array-size",
            "payloads-propertyset-values-array-size",
        )  # fmt: skip
