"""How what a station knows becomes metrics: types, nulls, qualities (D-126, D-129)."""

from __future__ import annotations

from agent.formats.sparkplug import DataType, Metric, Property, QualityCode
from agent.sinks.values import Sample
from drivers.base import Quality, Scalar

LONGEST_TEXT = 16_384
"""Characters of a text; a longer one is no live value."""

_INT64 = 1 << 63
_UINT64 = 1 << 64


def kind_of(value: Scalar) -> DataType:
    """Return the type of the metric that can hold such a value."""
    if isinstance(value, bool):
        return DataType.BOOLEAN
    if isinstance(value, int):
        return DataType.UINT64 if value >= _INT64 else DataType.INT64
    return DataType.DOUBLE if isinstance(value, float) else DataType.STRING


def fits(value: Scalar | None, kind: DataType) -> bool:
    """Whether a metric of that type can hold the value as it is; null fits every type."""
    if value is None:
        return True
    if kind is DataType.BOOLEAN:
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    if kind is DataType.DOUBLE:
        return isinstance(value, float) or (isinstance(value, int) and abs(value) <= 1 << 53)
    if kind is DataType.STRING:
        return isinstance(value, str)
    low, high = (-_INT64, _INT64) if kind is DataType.INT64 else (0, _UINT64)
    return isinstance(value, int) and low <= value < high


def sayable(value: Scalar | None) -> tuple[Scalar | None, str]:
    """Return the value as a metric can say it; else None and why not."""
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            return None, f"longer than {LONGEST_TEXT} characters"
        return value.encode(errors="replace").decode(), ""
    if isinstance(value, int) and not -_INT64 <= value < _UINT64:
        return None, "beyond 64 bits"
    return value, ""


def metric_of(
    sample: Sample, kind: DataType, alias: int, *, name: str | None = None, historical: bool = False
) -> Metric:
    """Return a sample as a metric; with a name for births.

    Only a GOOD value says 192. What is UNCERTAIN is not good, and Sparkplug has no third word: its
    value is there, and `Quality` says 0 (bad). The protocol's own code stands in `Code`.
    """
    value, why_not = sayable(sample.value)
    is_good = sample.quality is Quality.GOOD and not why_not
    quality = QualityCode.GOOD if is_good else QualityCode.BAD
    properties = {"Quality": Property(datatype=DataType.INT32, value=int(quality))}
    if code := why_not or sample.code:
        properties["Code"] = Property(datatype=DataType.STRING, value=sayable(code)[0])
    if kind is DataType.DOUBLE and value is not None:
        value = float(value)
    return Metric(
        name=name,
        alias=alias,
        timestamp_ms=sample.wall_ms,
        datatype=kind,
        value=value,
        is_null=value is None,
        is_historical=historical,
        properties=properties,
    )
