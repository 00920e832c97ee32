"""Which modules are changed, and which tests judge them.

Every test of the core is collected once. A mutant is tried with those that reach its statement:
the tests that mirror its module come first, for most mutants fall to them in a moment; then every
other, so that a scene in another module's tests counts as well.
"""

import random
from pathlib import Path

CORE = Path("agent/core")
UNIT = Path("tests/unit/core")
WIDEST = "recorded"
"""The tests of this name notice most of what the mirrors do not: whole histories, to the byte."""
OWN: dict[str, tuple[str, ...]] = {
    "carriers": ("test_carrier_records.py",),
    "choosing": ("test_seeking.py", "test_answering.py", "test_cycle.py"),
    "closing": ("test_closing_records.py", "test_changing.py"),
    "commands": ("test_shipping_contents.py", "test_keyed.py"),
    "draft": ("test_binder.py", "test_cycle.py", "test_scanning.py"),
    "granularity": ("test_product_records.py",),
    "lotbook": ("test_lots.py",),
    "material": ("test_material_records.py", "test_feeding.py"),
    "lot_counts": ("test_lots.py",),
    "lot_scans": ("test_lots.py",),
    "plan_volume": ("test_plan.py",),
    "orders": ("test_order_records.py",),
    "packed": ("test_packed_records.py", "test_parentage.py"),
    "packing": ("test_packing_records.py", "test_packed.py", "test_parentage.py"),
    "people": ("test_people_records.py", "test_presence.py"),
    "queueing": ("test_queue_records.py",),
    "requests": ("test_request_records.py",),
    "shipping": ("test_shipping_contents.py",),
    "sublots": ("test_sublot_records.py",),
    "vessels": ("test_vessel_records.py",),
    "state": ("test_binder.py", "test_watching.py", "test_cycle.py"),
    "identity/code_lists": ("identity/test_gs1_checks.py", "identity/test_gs1_table.py"),
    "identity/parts": ("identity/test_gs1.py", "identity/test_digital_link.py"),
    "identity/rules": ("identity/test_rules_edges.py",),
    "identity/session": ("identity/test_rules.py", "identity/test_codes.py"),
}
"""More tests of a module than its mirror, or in its place."""


def modules(root: Path) -> list[str]:
    """Return the modules of the core that have code, by their names below `agent/core`."""
    files = sorted((root / CORE).rglob("*.py"))
    return [
        file.relative_to(root / CORE).with_suffix("").as_posix()
        for file in files
        if "def " in file.read_text(encoding="utf-8")
    ]


def file_of(module: str) -> Path:
    """Return a module's file, below the root of the tree."""
    return (CORE / module).with_suffix(".py")


def own_tests(root: Path, module: str) -> tuple[str, ...]:
    """Return the test files that mirror a module, or that stand for it; none, where none does."""
    folder, _, name = module.rpartition("/")
    mirror = UNIT / folder / f"test_{name}.py"
    files = (mirror, *(UNIT / each for each in OWN.get(module, ())))
    return tuple(file.as_posix() for file in files if (root / file).is_file())


def drawn(names: list[str], module: str, sample: int | None, seed: int) -> frozenset[str]:
    """Return which of a module's mutants are tried: all, or so many at random, each as likely."""
    if sample is None or sample >= len(names):
        return frozenset(names)
    return frozenset(random.Random(f"{seed} {module}").sample(names, sample))  # noqa: S311 - a draw


def interval(lives: int, tried: int) -> tuple[float, float]:
    """Return between which shares the whole module's lies, at 95 % (Wilson's score interval)."""
    if not tried:
        return 0.0, 1.0
    z = 1.959964
    share, spread = lives / tried, z * z / tried
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * ((share * (1 - share) + spread / 4) / tried) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)
