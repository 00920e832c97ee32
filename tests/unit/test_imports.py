"""Who may import whom (docs/architecture.md): the arrows as a table, and no way back.

import-linter holds the same arrows as contracts (pyproject.toml) and follows them through other
modules; this table is exact to the module and also says where a library may be used.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

# What every part below the composition root may use.
BASE = (
    "agent.backoff",
    "agent.lines",
    "agent.ports",
    "agent.telemetry",
    "agent.formats",
    "agent.core",
    "drivers.base",
)
# What every driver may use: the contract, how options are declared, and how bytes become frames.
DRIVER = ("drivers.base", "drivers.options", "drivers.framing")

# Longest prefix counts; a module without a line fails; a module's own package is always allowed.
ALLOWED: Mapping[str, tuple[str, ...]] = {
    "agent": (),
    "agent.__main__": ("agent.cli",),
    "agent.cli": ("agent.app", "agent.config"),
    "agent.app": (
        *BASE,
        "agent.config",
        "agent.demo",
        "agent.engine",
        "agent.journal",
        "agent.publisher",
        "agent.seat",
        "agent.sinks",
        "agent.supervisor",
        "agent.threads",
        "agent.trace",
        "agent.web",
        "drivers.framing",
        "drivers.options",
        "drivers.registry",
    ),
    "agent.config": (*BASE, "drivers.options"),  # the registries are handed in
    "agent.demo": (*BASE, "drivers.framing"),
    "agent.engine": (*BASE, "agent.lookups"),
    "agent.lookups": BASE,
    "agent.journal": BASE,
    "agent.publisher": BASE,
    "agent.sinks": BASE,
    "agent.seat": BASE,
    "agent.supervisor": (*BASE, "agent.seat"),
    "agent.trace": BASE,
    "agent.web": BASE,
    "agent.backoff": ("agent.ports",),
    "agent.lines": ("agent.ports",),
    "agent.ports": ("agent.core", "drivers.base"),
    "agent.threads": ("agent.ports",),
    "agent.telemetry": ("agent.ports", "agent.core", "drivers.base"),
    "agent.formats": ("agent.core", "drivers.base"),
    "agent.core": ("drivers.base",),
    "drivers": (),
    "drivers.base": (),
    "drivers.framing": ("drivers.base",),
    "drivers.options": ("drivers.base",),
    "drivers.registry": DRIVER,  # and the drivers by name, on first use
    "drivers.modbus": DRIVER,
    "drivers.opcua": DRIVER,
    "drivers.replay": DRIVER,
    "drivers.scanner": DRIVER,
    "drivers.simulate": DRIVER,
}

# Each library has its place, so that it can be exchanged and that a station pays for what it uses.
LIBRARIES: Mapping[str, tuple[str, ...]] = {
    "apsw": ("agent.journal", "agent.trace"),
    "asyncua": ("drivers.opcua", "agent.demo"),
    "biip": ("agent.core.identity",),
    "cryptography": ("agent.app", "agent.formats", "drivers.opcua"),
    "matplotlib": ("agent.app",),
    "google": ("agent.formats",),  # protobuf
    "paho": ("agent.sinks", "agent.demo"),
    "prometheus_client": ("agent.telemetry", "agent.web"),
    "pyarrow": ("agent.app.parquet",),
    "pymodbus": ("drivers.modbus", "agent.demo"),
    "rich": ("agent.cli", "agent.demo"),
    "ruamel": ("agent.config",),
    "sqlalchemy": ("agent.trace",),
    "serial": ("drivers.modbus", "drivers.scanner", "agent.demo"),
    "starlette": ("agent.web",),
    "typer": ("agent.cli",),
    "uvicorn": ("agent.web",),
}

# The pure core computes. Nothing in here reads a clock, a file, a socket or chance.
PURE = (
    "__future__",
    "binascii",
    "bisect",
    "calendar",
    "collections",
    "contextlib",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "fractions",
    "functools",
    "hashlib",
    "hmac",
    "itertools",
    "json",
    "math",
    "operator",
    "re",
    "string",
    "struct",
    "types",
    "typing",
    "unicodedata",
    "urllib.parse",
)


@cache
def our_modules() -> Mapping[str, Path]:
    """Return our modules by name; a package goes by its own name."""
    files = [path for root in ("agent", "drivers") for path in (ROOT / root).rglob("*.py")]
    parts = {path: path.relative_to(ROOT).with_suffix("").parts for path in files}
    return {
        ".".join(name[:-1] if name[-1] == "__init__" else name): path
        for path, name in parts.items()
    }


def when_loaded(node: ast.AST) -> bool:
    """Say whether loading a module runs the node's body: not a function's, nor what types need."""
    if isinstance(node, ast.If):
        return ast.unparse(node.test) != "TYPE_CHECKING"
    return not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def statements(node: ast.AST, *, on_use: bool) -> Iterator[ast.AST]:
    """Yield what lies below a node; what loading does not run is left out unless `on_use`."""
    for child in ast.iter_child_nodes(node):
        yield child
        if on_use or when_loaded(child):
            yield from statements(child, on_use=on_use)


@cache
def imported(module: str, *, on_use: bool = True) -> tuple[str, ...]:
    """Return the full name of each module that `module` imports, when loaded or `on_use` too."""
    found: list[str] = []
    tree = ast.parse(our_modules()[module].read_text(encoding="utf-8"))
    for node in statements(tree, on_use=on_use):
        if isinstance(node, ast.Import):
            found.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative imports hide the arrow"
            assert node.module is not None
            names = ((node.module, f"{node.module}.{alias.name}") for alias in node.names)
            found.extend(name if name in our_modules() else parent for parent, name in names)
    return tuple(found)


def within(module: str, packages: tuple[str, ...]) -> bool:
    """Say whether the module is one of the packages or lies in one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def line_of(module: str) -> str | None:
    """Return the table's longest prefix of a module; a root package is a prefix of itself only."""
    prefix = module
    while prefix not in ALLOWED:
        prefix = prefix.rpartition(".")[0]
    return prefix if prefix == module or "." in prefix else None


def our_imports() -> list[tuple[str, str]]:
    """Return each import of one of our modules by another one of ours."""
    ours = ("agent", "drivers")
    return [(a, b) for a in sorted(our_modules()) for b in imported(a) if within(b, ours)]


def outside_imports() -> list[tuple[str, str]]:
    """Return each import of a module that is not ours."""
    ours = ("agent", "drivers")
    return [(a, b) for a in sorted(our_modules()) for b in imported(a) if not within(b, ours)]


def test_every_module_has_a_line() -> None:
    """A new part says in the table what it may import before it imports anything."""
    assert [module for module in our_modules() if line_of(module) is None] == []


def test_imports_follow_the_arrows() -> None:
    """No module of ours imports another of ours except along an arrow."""
    wrong = [
        (importer, target)
        for importer, target in our_imports()
        if (line := line_of(importer)) is not None and not within(target, (line, *ALLOWED[line]))
    ]
    assert wrong == []


def test_imports_run_in_no_circle() -> None:
    """Modules can be put in an order in which each is loaded after all that it needs.

    A driver's front, which builds it and then loads the rest, is asked for by the rest: no circle.
    """
    waiting = {module: set(imported(module, on_use=False)) for module in our_modules()}
    while free := [module for module, targets in waiting.items() if not targets & waiting.keys()]:
        for module in free:
            del waiting[module]
    assert waiting == {}


def test_each_library_is_used_in_its_place_only() -> None:
    """A library with a place of its own is imported from nowhere else."""
    wrong = [
        (importer, module)
        for importer, module in outside_imports()
        if not within(importer, LIBRARIES.get(module.partition(".")[0], ("agent", "drivers")))
    ]
    assert wrong == []


def test_the_core_is_pure() -> None:
    """The core, and the driver contract that it shares, use nothing that reads the outside."""
    wrong = [
        (importer, module)
        for importer, module in outside_imports()
        if within(importer, ("agent.core", "drivers.base")) and not within(module, (*PURE, "biip"))
    ]
    assert wrong == []


def test_only_declared_libraries_are_used() -> None:
    """What the code imports beside Python's own library is a dependency in pyproject.toml.

    What only an extra brings is imported on use, and never to load a module.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    lines = (*optional["plot"], *optional["parquet"])
    extras = {re.split("[<>=]", line)[0] for line in lines}
    declared = {re.split("[<>=]", line)[0] for line in project["dependencies"]} | extras
    loaded = {top for name in our_modules() for top in imported(name, on_use=False)}
    assert not {module.partition(".")[0] for module in loaded} & extras
    names = {
        "google": "protobuf",
        "paho": "paho-mqtt",
        "pydantic_core": "pydantic",
        "ruamel": "ruamel.yaml",
        "serial": "pyserial",
    }
    used = {module.partition(".")[0] for _, module in outside_imports()} - sys.stdlib_module_names
    assert {names.get(top, top.replace("_", "-")) for top in used} <= declared
