"""Check what the lock files bring in: hashes, installed versions, licences, and that each is used.

usage: audit.py            exit code 1 when something is wrong

It needs no network, and so it knows no vulnerabilities: where `pip-audit` is installed and its
service can be reached, `pip-audit --require-hashes -r requirements.lock` asks that one. A licence
is what the package says of itself.
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import (
    Distribution,
    PackageNotFoundError,
    distribution,
    packages_distributions,
)
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FREE = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software|MPL|Mozilla|LGPL|Lesser General|EPL|Eclipse|Zlib"
    r"|Unlicense|any-OSI|0BSD|CC0|Public Domain",
    re.IGNORECASE,
)
"""Licences under which a closed product may use a library; LGPL: as a library of its own."""
BOUND = re.compile(r"(?<!L)(?<!Lesser )\b(?:A?GPL|Affero)", re.IGNORECASE)
"""Licences that would bind the whole product."""
NAMELESS = {"tzdata"}
"""Used without an import: the standard library finds it."""
Locked = Mapping[str, tuple[str, int]]
"""Per package: its version, and how many files are pinned by hash."""


def name_of(text: str) -> str:
    """Return a package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", text).lower()


def locked(text: str) -> Locked:
    """Return what a lock file pins.

    Raises:
        ValueError: a line pins nothing exactly.
    """
    found: dict[str, tuple[str, int]] = {}
    for entry in re.split(r"\n(?=[^\s#])", re.sub(r"^\s*#.*\n?", "", text, flags=re.MULTILINE)):
        if not entry.strip():
            continue
        pinned = re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", entry)
        if pinned is None:
            raise ValueError(f"not pinned: {entry.splitlines()[0]}")
        found[name_of(pinned[1])] = (
            pinned[2],
            len(re.findall(r"--hash=sha256:[0-9a-f]{64}", entry)),
        )
    return found


def licence(package: Distribution) -> str:
    """Return what a package says of its licence, in a line."""
    said = package.metadata
    classifiers = [c for c in said.get_all("Classifier") or () if c.startswith("License ::")]
    given = said.get("License-Expression") or "; ".join(classifiers) or said.get("License") or ""
    return " ".join(given.split())[:120]


def imported() -> set[str]:
    """Return the top names of what the product's code imports, at whatever depth."""
    found: set[str] = set()
    for folder in ("agent", "drivers"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found.add(node.module.partition(".")[0])
    return found


def direct() -> set[str]:
    """Return what pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return {name_of(re.split(r"[<>=!~;\[ ]", line)[0]) for line in project["dependencies"]}


def unused(names: set[str]) -> list[str]:
    """Return which of the packages no code of ours imports."""
    by_import = packages_distributions()
    used = {name_of(dist) for top in imported() for dist in by_import.get(top, ())}
    return sorted(names - used - NAMELESS)


def problems(lock: Locked) -> Iterator[str]:
    """Yield what is wrong with what is locked for the product."""
    for name in sorted(direct() - set(lock)):
        yield f"{name}: asked for in pyproject.toml and not locked; run `make lock`"
    for name, (version, hashes) in lock.items():
        if not hashes:
            yield f"{name}: no file of it is pinned by hash"
        try:
            package = distribution(name)
        except PackageNotFoundError:
            yield f"{name}: locked and not installed; run `make setup`"
            continue
        if package.version != version:
            yield f"{name}: {package.version} is installed, {version} is locked"
        said = licence(package)
        if BOUND.search(said) or not FREE.search(said):
            yield f"{name}: its licence is not one of those that were looked at: {said or 'none'}"


def main() -> int:
    """Print what was found; return the exit code."""
    lock = locked((ROOT / "requirements.lock").read_text("utf-8"))
    dev = locked((ROOT / "requirements-dev.lock").read_text("utf-8"))
    found = [*problems(lock)]
    found += [f"{name}: no file of it is pinned by hash" for name, (_, n) in dev.items() if not n]
    found += [
        f"{name}: {dev.get(name, ('nothing', 0))[0]} for development, {version} for the product"
        for name, (version, _) in lock.items()
        if dev.get(name, ("", 0))[0] != version
    ]
    for line in found:
        sys.stdout.write(f"WRONG  {line}\n")
    for name in unused(direct()):
        sys.stdout.write(f"note   {name}: asked for in pyproject.toml, and no code imports it\n")
    sys.stdout.write(
        f"{len(lock)} packages of the product, {len(dev)} with those of development: "
        f"{len(found)} problems. Known vulnerabilities were NOT looked up: that needs a service.\n"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
