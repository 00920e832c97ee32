"""Write the references of the station file and of the product list, in docs/.

The tables are made from the options themselves; a test compares. Run it after changing an option.
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from agent.app.registries import registries  # noqa: E402 - found by the line above
from agent.config.product_list import ProductFile  # noqa: E402 - found by the line above
from agent.config.schema import station_schema  # noqa: E402 - found by the line above

Schema = dict[str, Any]

STATION = """\
# The station file

One YAML file is one station: one place, one journal. `lineside run` takes a file or a folder of
them; a broken file never stops its neighbours. [config/](../config) has annotated examples; begin
with `press.example.yaml`, and find every key in `station.example.yaml`. A line whose
stations ask each other is a folder: [config/assembly-line](../config/assembly-line). Stations of
other gateways are `neighbours`: [leak-test](../config/leak-test.example.yaml).

    lineside check PATH      what is wrong, by line and column, or what the file does
    lineside schema          JSON Schema for editors

How a file is read:

- Every key is known or refused. Nothing is repaired or passed over: a key that a strategy has no
  use for is refused as well. All problems of a file come at once, each as
  `file:line:column: key: what is wrong; what to do`.
- Durations and sizes carry their unit: `200ms`, `5s`, `2min`, `8h`, `30d`; `512MiB`, `4GiB`.
- YAML 1.2: `no` and `on` are words. A number with a leading zero (`01`) is refused, because it may
  be meant as text: write `"01"`. A key that stands twice is refused. Merge keys (`<<`) and tags
  (`!!`) are refused; anchors and aliases work.
- Secrets are named, never written: `credential:NAME` (systemd), `file:PATH`, `env:NAME`.
- Events carry `config`, the SHA-256 of what the file says. Comments, the order of keys and quoting
  do not change it; every value does, and so does a default that is written out.
- Stations of one process share a PLC when they name the same endpoint with the same options. A
  scanner, an output tag, a station path, a journal and a written file belong to one station; two
  that claim the same are both refused, because which one is right cannot be known.

Warnings (no key for pseudonyms, a tag that nothing uses, a level that does not fit its reason)
refuse nothing.

## The strategies

| `track.pair.strategy` | binds | needs | no code, or two |
|---|---|---|---|
| `scan-then-cycle` | units | `end`, a scanner, a rule that means unit | unbound, answer 8 |
| `cycle-then-scan` | units | `end`, a scanner, a rule that means unit | unbound, answer 8 |
| `fifo` | units | `end`, `entry`, `length`, a proof of order | unbound, answer 8; corrected |
| `tag` | units | `end` with `unit`, a rule that means unit | unbound, answer 8; bad code 4 |
| `carrier` | units | `end`, `load`, `unload`, rules for unit and carrier | unbound, answer 8 |
| `multi-cavity` | units | `end`, `cavities`, a rule that means unit | that one unbound, 8 |
| `scan-only` | units | a scanner, a rule that means unit, or `packing` | two: unbound; told bad |
| `count-only` | lots | `counter`, `lot` | counted without a lot, as possible |

## What one traceable thing is

| `track.by` | what is recorded | needs |
|---|---|---|
| `serial` | each unit, by its own identity | a strategy for units |
| `lot` | how many pieces of which lot | `count-only` with `counter` and `lot` |
| `both` | each unit, and the lot that it is one of | a strategy for units, and `lot` |
| `product` | as `products` says of each | `products`, `product`; with lots `lot`, `counter` |

`because` says why: by value, risk, law or volume. Serials for everything because of volume, and
lots although a recall can hurt, are warned of.

**Marking stations**: with `from_lot: true` units are pieces of a lot until they get their identity
here. Their records name that lot in `from_lot`, and `lot_closed` says what is left of it, where its
code says how many pieces it held.

**By product**: one line makes valves with serials and screws in lots. `product` says where the
station learns what it makes: a recipe tag, the order, or the codes that are scanned. While it makes
what is tracked by lot, the counter counts pieces to the lot, and a cycle that the PLC asks about is
answered without a unit (`cycle_counted`). While it makes units, each cycle is the record of its
piece, by the counter's number in the same snapshot; a piece without a cycle is `cycle_missed`. So
no piece is lost or counted twice at a changeover. What was made while the product changed is
possible for both, and still in one record. A product that nobody has named, or that `products`
does not have, is never guessed: `unknown_product` says what then holds, and the record says so
(`product_unknown`). What no scan, tag or order tells cannot be known: with `product: scan`, a unit
whose code was not read counts as a piece of what was scanned before it.

## The answers

What the PLC reads in `result`; `track.answers` gives them other numbers. 0 is never an answer.

| number | name | meaning | the PLC should |
|---|---|---|---|
| 1 | `stored_ok` | stored, OK | go on |
| 2 | `stored_nok` | stored, NOK by the machine's verdict or by limits | divert the unit |
| 3 | `duplicate` | this unit already passed here | divert or ask |
| 4 | `bad_code` | unreadable or refused code | read again |
| 5 | `previous_station` | not completed, or NOK, at a station of `previous`, or unknown | divert |
| 6 | `not_released` | something missing; material blocked, expired or wrong | stop or divert |
| 7 | `not_stored` | no record on disk in time, or the data did not hold still | stop, ask again |
| 8 | `unbound` | recorded, but bound to no unit | hold until cleared, or divert |

# Keys
"""

DRIVERS = """\
# Drivers

What a device can say beside `driver`, and a tag beside `device`, `write`, `modulus` and `measure`:
[the station file](station-file.md).
"""

SINKS = """\
# Sinks

What an entry of `publish` can say beside `sink`: [the station file](station-file.md).
"""

PRODUCTS = """\
# The product list

What `lineside plan` reads ([plan.md](plan.md)); [products.yaml](../config/plan/products.yaml) is an
annotated example, and `lineside plan --init` prints a start. Text, numbers and durations are
written as in a [station file](station-file.md), and what is wrong is said as there.
"""


def pages() -> dict[str, str]:
    """Return every page by its path below the repository."""
    schema = station_schema(registries())
    station = STATION + "".join(_sections(schema, "", schema, {"devices", "tags", "publish"}))
    station += _below(schema, "tags", "`tags.NAME`", {"device", "write", "modulus", "measure"})
    drivers, sinks = DRIVERS, SINKS
    tags = {entry["title"]: entry for entry in _entries(schema, "tags")}
    for device in _entries(schema, "devices"):
        name = device["properties"]["driver"]["const"]
        drivers += f"\n# {name}\n\n{device['properties']['driver']['description']}\n"
        drivers += "".join(_sections(device, "devices.NAME", schema, set()))
        tag = tags.get(f"tag of a {name} device")
        if tag is not None:
            own = set(tag["properties"]) - {"device", "write", "modulus", "measure"}
            drivers += f"\n## `tags.NAME`\n\n{_table(tag, schema, own)}"
    for sink in _entries(schema, "publish"):
        word = sink["properties"]["sink"]
        sinks += f"\n# {word['const']}\n\n{word['description']}\n"
        sinks += "".join(_sections(sink, "publish.NAME", schema, set()))
    listed = ProductFile.model_json_schema()
    products = PRODUCTS + "".join(_sections(listed, "", listed, set()))
    return {
        "docs/station-file.md": station,
        "docs/drivers.md": drivers,
        "docs/sinks.md": sinks,
        "docs/product-list.md": products,
    }


def _entries(schema: Schema, section: str) -> list[Schema]:
    (patterned,) = schema["properties"][section]["patternProperties"].values()
    found: list[Schema] = patterned["anyOf"]
    return found


def _below(schema: Schema, section: str, heading: str, keys: set[str]) -> str:
    """Return the keys that all entries of a section share, from the first of them."""
    return f"\n## {heading}\n\n{_table(_entries(schema, section)[0], schema, keys)}"


def _sections(shape: Schema, path: str, schema: Schema, without: set[str]) -> Iterator[str]:
    """Yield an object's table and then those of the objects inside it, each shape once."""
    heading = f"`{path}`" if path else "The file"
    yield f"\n## {heading}\n\n{_table(shape, schema, set(shape['properties']))}"
    seen: dict[str, str] = {}
    for key, found in shape["properties"].items():
        if key in without:
            continue
        below = f"{path}.{key}" if path else key
        for name, more in _objects(found, schema):
            inner = below + more
            if name in seen:
                yield f"\n## `{inner}`\n\nAs `{seen[name]}`.\n"
                continue
            seen[name] = inner
            yield from _sections(schema["$defs"][name], inner, schema, set())


def _objects(found: Schema, schema: Schema) -> Iterator[tuple[str, str]]:
    """Yield the shapes with keys of their own that stand in a value, and the path to them."""
    if "$ref" in found:
        name = found["$ref"].removeprefix("#/$defs/")
        if "properties" in schema["$defs"][name]:
            yield name, ""
    for branch in (*found.get("anyOf", ()), *found.get("oneOf", ())):
        yield from _objects(branch, schema)
    if isinstance(found.get("items"), dict):
        yield from ((name, f"[]{more}") for name, more in _objects(found["items"], schema))
    for entry in found.get("patternProperties", {}).values():
        yield from ((name, f".NAME{more}") for name, more in _objects(entry, schema))


def _table(shape: Schema, schema: Schema, keys: set[str]) -> str:
    rows = ["| key | value | default | |", "|---|---|---|---|"]
    for key, found in shape["properties"].items():
        if key not in keys:
            continue
        default = "**needed**" if key in shape.get("required", ()) else _default(found)
        text = " ".join(found.get("description", "").split()).replace("|", "\\|")
        rows.append(f"| `{key}` | {_kind(found, schema)} | {default} | {text} |")
    return "\n".join(rows) + "\n"


def _default(found: Schema) -> str:
    default = found.get("default")
    if default is None or default in ([], ""):
        return ""
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _kind(found: Schema, schema: Schema) -> str:  # noqa: PLR0911 - one line for each sort of value
    """Return in words what may stand there."""
    if "$ref" in found:
        return _kind(schema["$defs"][found["$ref"].removeprefix("#/$defs/")], schema)
    branches = [*found.get("anyOf", ()), *found.get("oneOf", ())]
    if branches:
        kinds = [_kind(branch, schema) for branch in branches if branch.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "const" in found:
        return f"`{found['const']}`"
    if "enum" in found:
        return ", ".join(f"`{value}`" for value in found["enum"])
    if found.get("type") == "array":
        items = found.get("items")
        return f"list of {_kind(items, schema)}" if items else "`[min, max]`"
    if found.get("type") == "object":
        return "mapping"
    return _scalar(found)


def _scalar(found: Schema) -> str:
    pattern = found.get("pattern", "")
    for sign, kind in (("|min|", "duration"), ("MiB", "size"), ("credential", "reference")):
        if sign in pattern:
            return kind
    words = {"boolean": "true, false", "integer": "whole number", "number": "number"}
    if r"\^" in pattern:
        return "`2^N`, `10^N`"
    return words.get(found.get("type", ""), "text")


def main() -> None:
    """Write the pages."""
    for path, text in pages().items():
        (ROOT / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
