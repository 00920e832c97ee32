"""Our Sparkplug payloads and those of a package that nobody here wrote, each read by the other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from agent.formats.sparkplug import DataType, Metric, Property, decode, encode, signed
from tests.peers.mosquitto import Mosquitto
from tests.peers.mqtt_reader import Reader
from tests.peers.node_sparkplug import NodeSparkplug
from tests.peers.sparkplug_bench import (
    GROUP,
    NODE,
    SparkplugBench,
    Tap,
    rebirth,
    until_said,
)
from tests.peers.sparkplug_rules import Rules

TYPES = {
    "Int64": DataType.INT64,
    "UInt64": DataType.UINT64,
    "Double": DataType.DOUBLE,
    "Boolean": DataType.BOOLEAN,
    "String": DataType.STRING,
    "Int32": DataType.INT32,
}


def number(said: object) -> int | None:
    """Return a 64-bit number that came as a text."""
    return None if said is None else int(str(said))


def read(metric: dict[str, Any]) -> Metric:
    """Return a metric of theirs in our words."""
    kind = TYPES.get(metric.get("type", ""))
    value = metric["value"]
    if kind in {DataType.INT64, DataType.UINT64} and value is not None:
        value = signed(int(value), kind)
    if kind is DataType.DOUBLE and value is not None:
        value = float(value)
    return Metric(
        name=metric.get("name"),
        alias=number(metric.get("alias")),
        timestamp_ms=number(metric.get("timestamp")),
        datatype=kind,
        value=value,
        is_null=value is None,
        is_historical=metric.get("isHistorical", False),
        properties={
            key: Property(datatype=TYPES[one["type"]], value=one["value"])
            for key, one in metric.get("properties", {}).items()
        },
    )


async def emitted(directory: Path) -> list[bytes]:
    """Return every payload of a day: births, data, nulls, deaths, history, a rebirth."""
    rules = Rules(GROUP, NODE)
    async with (
        Mosquitto(directory) as broker,
        Tap(rules, broker.port) as tap,
        Reader(broker.port) as host,
    ):
        bench = SparkplugBench(directory, tap.port)
        bench.start_devices()
        bench.show("plc", force=-2.25, count=-3, ok=False, text="Größe ☃")
        bench.show("plc", force=None, count=(1 << 63) + 1)
        async with bench.running():
            await until_said(rules, "DBIRTH", "plc")
            bench.show("plc", force=1e300, count=(1 << 63) + 2, ok=True, text="")
            bench.commit_state("execute")
            await until_said(rules, "DDATA", "plc")
            tap.cut()
            bench.show("plc", force=3.0, count=0)
            bench.commit_state("held", "held")
            bench.show("plc", force=4.0)
            await until_said(rules, "DBIRTH", "feeder", n=3)
            bench.link("feeder", up=False)
            await until_said(rules, "DDEATH", "feeder")
            host.send(f"spBv1.0/{GROUP}/NCMD/{NODE}", rebirth())
            await until_said(rules, "DBIRTH", "plc", n=4)
    assert rules.problems == [], rules.problems
    return tap.payloads


async def test_another_package_reads_every_payload_as_we_meant_it(tmp_path: Path) -> None:
    """Names, aliases, types, values, nulls, times, flags and properties, of all that was sent.

    The package reads no value where the type is left out, as it is in data: there the same message
    is shown to it once more with the types of the birth.
    """
    sent = await emitted(tmp_path)
    kinds: dict[int, DataType] = {}
    async with NodeSparkplug() as package:
        for raw in sent:
            ours = decode(raw)
            kinds.update({m.alias: m.datatype for m in ours.metrics if m.alias and m.datatype})
            typed = tuple(_typed(metric, kinds) for metric in ours.metrics)
            theirs = await package.decode(raw)
            assert number(theirs.get("timestamp")) == ours.timestamp_ms
            assert number(theirs.get("seq")) == ours.seq
            said = tuple(read(metric) for metric in theirs.get("metrics", ()))
            assert [_without_value(m) for m in said] == [_without_value(m) for m in ours.metrics]
            whole = await package.decode(encode(replace(ours, metrics=typed), with_types=True))
            assert tuple(read(metric) for metric in whole.get("metrics", ())) == typed
    assert len(sent) > 12
    assert {kind.name for kind in kinds.values()} == {
        "BOOLEAN", "STRING", "INT64", "UINT64", "DOUBLE",
    }  # fmt: skip


def _typed(metric: Metric, kinds: dict[int, DataType]) -> Metric:
    kind = metric.datatype or kinds[metric.alias or 0]
    return replace(metric, datatype=kind, value=signed(metric.value, kind))


def _without_value(metric: Metric) -> Metric:
    return replace(metric, value=None, is_null=False, datatype=None)


def _written(kind: str, value: object) -> object:
    """Return a value as JSON carries it to the package."""
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if kind in {"Int64", "UInt64", "DateTime"} else value


async def test_we_read_what_another_package_writes() -> None:
    """Every basic type with its extremes, null, flags and properties; the rest is passed over."""
    values: list[tuple[str, DataType, object]] = [
        ("Int8", DataType.INT8, -128),
        ("Int16", DataType.INT16, -(1 << 15)),
        ("Int32", DataType.INT32, -(1 << 31)),
        ("Int64", DataType.INT64, -(1 << 63)),
        ("UInt8", DataType.UINT8, 255),
        ("UInt16", DataType.UINT16, 65535),
        ("UInt32", DataType.UINT32, (1 << 32) - 1),
        ("UInt64", DataType.UINT64, (1 << 64) - 1),
        ("Float", DataType.FLOAT, 0.5),
        ("Double", DataType.DOUBLE, -1e300),
        ("Boolean", DataType.BOOLEAN, True),
        ("String", DataType.STRING, "Größe ☃"),
        ("DateTime", DataType.DATE_TIME, 1_796_029_200_000),
        ("Text", DataType.TEXT, "a"),
        ("UUID", DataType.UUID, "0"),
        ("Bytes", DataType.BYTES, b"\x00\xff"),
    ]
    written = [
        {
            "name": name,
            "type": name,
            "value": _written(name, value),
            "timestamp": 5,
            "alias": 9,
            "isHistorical": True,
            "properties": {"Quality": {"type": "Int32", "value": 192}},
        }
        for name, _, value in values
    ]
    written += [
        {"name": "null", "type": "String", "value": None},
        {
            "name": "table",
            "type": "DataSet",
            "value": {"numOfColumns": 1, "types": ["String"], "columns": ["c"], "rows": [["x"]]},
        },
        {
            "name": "shape",
            "type": "Template",
            "value": {
                "isDefinition": True,
                "version": "1",
                "metrics": [{"name": "m", "type": "Boolean", "value": True}],
                "parameters": [{"name": "p", "type": "String", "value": "v"}],
            },
        },
    ]
    async with NodeSparkplug() as package:
        raw = await package.encode({"timestamp": 7, "seq": 3, "metrics": written})
    payload = decode(raw)
    assert (payload.timestamp_ms, payload.seq) == (7, 3)
    *basic, null, table, shape = payload.metrics
    assert [(one.name, one.datatype, one.value) for one in basic] == values
    assert {(one.alias, one.timestamp_ms, one.is_historical) for one in basic} == {(9, 5, True)}
    assert {one.properties["Quality"].value for one in basic} == {192}
    assert (null.is_null, null.value) == (True, None)
    assert (table.datatype, shape.datatype) == (DataType.DATA_SET, DataType.TEMPLATE)
