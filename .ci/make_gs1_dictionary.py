"""Write agent/core/identity/gs1_dictionary.py from GS1's Barcode Syntax Dictionary.

The core does no I/O, so the dictionary is a module; this script makes it, and a test compares.
To take a new release: put the file into tests/data/, run this, read what the tests then say.
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "tests" / "data" / "gs1-syntax-dictionary.txt"
TARGET = ROOT / "agent" / "core" / "identity" / "gs1_dictionary.py"

HEAD = '''\
"""GS1's Barcode Syntax Dictionary, release {release}, as one string.

Made by .ci/make_gs1_dictionary.py from the file as published: comment lines are left out and
runs of spaces are one space; no entry is changed. `gs1_table` parses it.

Copyright (c) 2020-2021 BWIPP project. https://bwipp.terryburton.co.uk/
Copyright (c) 2020-2021 Zint Project. https://zint.org.uk/
Copyright (c) 2021-2025 GS1 AISBL

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
"""

RELEASE = "{release}"

ENTRIES = """\\
'''
TAIL = '"""  # noqa: E501 - entries stay one line each, as published\n'


def module(dictionary: str) -> str:
    """Return the text of the module for the text of the dictionary."""
    lines = dictionary.splitlines()
    release = next(line for line in lines if line.startswith("# Release:")).split()[-1]
    entries = (" ".join(line.split()) for line in lines if line and not line.startswith("#"))
    return HEAD.format(release=release) + "".join(f"{entry}\n" for entry in entries) + TAIL


if __name__ == "__main__":
    TARGET.write_text(module(SOURCE.read_text(encoding="utf-8")), encoding="utf-8")
