"""Sparkplug payloads: bytes by the specification's field numbers, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.formats.sparkplug import (
    DataType,
    Metric,
    Payload,
    PayloadError,
    Property,
    QualityCode,
    decode,
    encode,
    signed,
)
from agent.formats.sparkplug_fields import PayloadMessage


def one(metric: Metric, seq: int | None = 0) -> Payload:
    """Return a message with one metric."""
    return Payload(timestamp_ms=7, seq=seq, metrics=(metric,))


def test_the_bytes_are_those_of_the_specification() -> None:
    """Field by field, by hand: tags 1 to 4, then the value's own number."""
    metric = Metric(
        name="a",
        alias=2,
        timestamp_ms=5,
        datatype=DataType.INT64,
        value=-1,
        properties={"Quality": Property(datatype=DataType.INT32, value=QualityCode.GOOD)},
    )
    quality = b"\x0a\x07Quality" + b"\x12\x05" + b"\x08\x03" + b"\x18\xc0\x01"
    inner = (
        b"\x0a\x01a"  # 1 name
        b"\x10\x02"  # 2 alias
        b"\x18\x05"  # 3 timestamp
        b"\x20\x04"  # 4 datatype
        b"\x4a"
        + bytes([len(quality)])
        + quality  # 9 properties
        + b"\x58\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"  # 11 long_value, two's complement
    )
    expected = b"\x08\x07" + b"\x12" + bytes([len(inner)]) + inner + b"\x18\x03"
    assert encode(one(metric, seq=3), with_types=True) == expected


def test_data_leaves_the_type_out_and_a_death_its_seq() -> None:
    """What is not asked for is not there, not even as 0."""
    metric = Metric(alias=1, timestamp_ms=1, datatype=DataType.BOOLEAN, value=False)
    data = decode(encode(one(metric, seq=None), with_types=False))
    assert data.seq is None
    assert data.metrics[0].datatype is None
    assert data.metrics[0].name is None
    assert data.metrics[0].value is False


_INTEGERS = {
    DataType.INT8: (-(1 << 7), (1 << 7) - 1),
    DataType.INT16: (-(1 << 15), (1 << 15) - 1),
    DataType.INT32: (-(1 << 31), (1 << 31) - 1),
    DataType.INT64: (-(1 << 63), (1 << 63) - 1),
    DataType.UINT8: (0, (1 << 8) - 1),
    DataType.UINT16: (0, (1 << 16) - 1),
    DataType.UINT32: (0, (1 << 32) - 1),
    DataType.UINT64: (0, (1 << 64) - 1),
    DataType.DATE_TIME: (0, (1 << 64) - 1),
}
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
VALUES = st.one_of(
    *(st.tuples(st.just(kind), st.integers(low, high)) for kind, (low, high) in _INTEGERS.items()),
    st.tuples(st.just(DataType.FLOAT), st.floats(width=32, allow_nan=False)),
    st.tuples(st.just(DataType.DOUBLE), st.floats(allow_nan=False)),
    st.tuples(st.just(DataType.BOOLEAN), st.booleans()),
    st.tuples(st.sampled_from([DataType.STRING, DataType.TEXT, DataType.UUID]), TEXT),
    st.tuples(st.just(DataType.BYTES), st.binary(max_size=20)),
)
SCALARS = VALUES.filter(lambda pair: pair[0] is not DataType.BYTES)
NUMBERS = st.integers(0, (1 << 64) - 1)


@st.composite
def metrics(draw: st.DrawFn) -> Metric:
    """Return any metric of a basic type, with properties."""
    kind, value = draw(VALUES)
    is_null = draw(st.booleans())
    properties = {
        key: Property(datatype=of, value=draw(st.just(one) | st.none()))
        for key, (of, one) in draw(st.dictionaries(TEXT, SCALARS, max_size=3)).items()
    }
    return Metric(
        name=draw(st.none() | TEXT),
        alias=draw(st.none() | NUMBERS),
        timestamp_ms=draw(st.none() | NUMBERS),
        datatype=kind,
        value=None if is_null else value,
        is_null=is_null,
        is_historical=draw(st.booleans()),
        is_transient=draw(st.booleans()),
        properties=properties,
    )


PAYLOADS = st.builds(
    Payload,
    timestamp_ms=st.none() | NUMBERS,
    seq=st.none() | st.integers(0, 255),
    metrics=st.lists(metrics(), max_size=4).map(tuple),
)


@given(PAYLOADS)
def test_what_is_written_is_read_back(payload: Payload) -> None:
    """Every basic type, null, flag and property comes back as it was."""
    assert decode(encode(payload, with_types=True)) == payload


@given(VALUES)
def test_a_receiver_that_knows_the_type_has_the_value(pair: tuple[DataType, object]) -> None:
    """Data carries no type: the birth's makes an integer signed again."""
    kind, value = pair
    assert isinstance(value, bool | int | float | str | bytes)
    sent = encode(one(Metric(alias=1, datatype=kind, value=value)), with_types=False)
    assert signed(decode(sent).metrics[0].value, kind) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_a_payload_or_refused(raw: bytes) -> None:
    """Nothing from outside raises anything but PayloadError."""
    try:
        decode(raw)
    except PayloadError:
        return


@given(PAYLOADS, st.data())
def test_damaged_bytes_are_a_payload_or_refused(payload: Payload, data: st.DataObject) -> None:
    """A message cut short, or with some bytes changed, is read or refused, and nothing else."""
    raw = bytearray(encode(payload, with_types=True))
    for place in data.draw(st.lists(st.integers(0, max(0, len(raw) - 1)), max_size=4)):
        raw[place : place + 1] = data.draw(st.binary(max_size=2))
    try:
        decode(bytes(raw[: data.draw(st.integers(0, len(raw)))]))
    except PayloadError:
        return


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"\xff", "no Sparkplug payload"),
        (b"\x12\x03\x0a\x01\xff", "no UTF-8"),  # a name
        (b"\x12\x03\x7a\x01\xff", "no UTF-8"),  # a text
        (b"\x12\x05\x4a\x03\x0a\x01a", "as many keys as values"),
    ],
)
def test_what_is_refused(raw: bytes, why: str) -> None:
    """The text says what is wrong."""
    with pytest.raises(PayloadError, match=why):
        decode(raw)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (DataType.INT8, 128),
        (DataType.INT64, 1 << 63),
        (DataType.UINT32, -1),
        (DataType.UINT64, 1 << 64),
        (DataType.DATA_SET, 1),
        (DataType.STRING, "\ud800"),
        (DataType.STRING, 1),
        (DataType.INT64, None),
    ],
)
def test_what_does_not_fit_is_not_written(kind: DataType, value: int | str | None) -> None:
    """A value that its type cannot hold is an error here, never another value there."""
    with pytest.raises(ValueError, match=r"cannot be written as|out of the range of"):
        encode(one(Metric(name="a", datatype=kind, value=value)), with_types=True)


def test_what_is_not_read_is_passed_over() -> None:
    """Data sets, templates, metadata and unknown types of others are valid, and have no value."""
    message = PayloadMessage(timestamp=1, seq=2)
    table = message.metrics.add(name="table", datatype=DataType.DATA_SET)
    table.dataset_value.num_of_columns = 1
    table.dataset_value.columns.append("c")
    table.dataset_value.types.append(DataType.INT64)
    table.dataset_value.rows.add().elements.add(long_value=1)
    shape = message.metrics.add(name="shape", datatype=DataType.TEMPLATE)
    shape.template_value.is_definition = True
    shape.template_value.metrics.add(name="inner", datatype=DataType.BOOLEAN, boolean_value=True)
    shape.template_value.parameters.add(name="p", type=DataType.INT32, int_value=1)
    shape.metadata.description = "of others"
    message.metrics.add(name="new", datatype=99, int_value=5)
    payload = decode(message.SerializeToString())
    assert [(one.name, one.datatype, one.value) for one in payload.metrics] == [
        ("table", DataType.DATA_SET, None),
        ("shape", DataType.TEMPLATE, None),
        ("new", DataType.UNKNOWN, 5),
    ]
