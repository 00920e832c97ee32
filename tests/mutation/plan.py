"""Which tests judge a module's mutants: first its own, then, for what those let live, many more.

Most mutants fall to the few tests that mirror the module, in a moment. What they let live is tried
again with every test of the core that calls the mutated function, so that a scene in another
module's tests counts as well.
"""

from pathlib import Path

CORE = Path("agent/core")
IDENTITY = CORE / "identity"
UNIT = Path("tests/unit/core")
OWN: dict[str, tuple[str, ...]] = {
    "choosing": ("test_seeking.py", "test_answering.py", "test_cycle.py"),
    "draft": ("test_binder.py", "test_cycle.py", "test_scanning.py"),
    "state": ("test_binder.py", "test_watching.py", "test_cycle.py"),
    "identity/code_lists": ("identity/test_gs1_checks.py", "identity/test_gs1_table.py"),
    "identity/parts": ("identity/test_gs1.py", "identity/test_digital_link.py"),
    "identity/session": ("identity/test_gs1.py", "identity/test_codes.py"),
}
"""The tests of the modules that have no mirror of their own."""


def modules(root: Path) -> list[str]:
    """Return the modules of the core that have code, by their names below `agent/core`."""
    files = sorted((root / CORE).rglob("*.py"))
    return [
        file.relative_to(root / CORE).with_suffix("").as_posix()
        for file in files
        if "def " in file.read_text(encoding="utf-8")
    ]


def own_tests(root: Path, module: str) -> tuple[str, ...]:
    """Return the test files that mirror a module, or that stand for it; all, where none does."""
    folder, _, name = module.rpartition("/")
    mirror = UNIT / folder / f"test_{name}.py"
    if (root / mirror).is_file():
        return (str(mirror),)
    named = tuple(str(UNIT / each) for each in OWN.get(module, ()))
    return named or wide_tests(root, module)


def wide_tests(root: Path, module: str) -> tuple[str, ...]:
    """Return every test file that may notice what a module does wrong."""
    if module.startswith("identity/"):
        files = [*(root / UNIT / "identity").glob("test_*.py"), root / UNIT / "test_scanning.py"]
    else:
        files = list((root / UNIT).glob("test_*.py"))
    return tuple(sorted(file.relative_to(root).as_posix() for file in files))
