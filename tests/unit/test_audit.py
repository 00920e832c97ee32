"""`make audit`: what the lock files bring in is pinned, free, installed as locked, and used."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    """The script, as a module."""
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_locked_is_sound(audit: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """Every file is pinned by hash and every licence is one that was looked at."""
    assert audit.main() == 0
    assert "Known vulnerabilities were NOT looked up" in capsys.readouterr().out


def test_what_is_wrong_is_found(audit: ModuleType) -> None:
    """No hash, another version, a package that is not there, one that was forgotten."""
    text = "# made\norjson==0.1 \\\n    --hash=sha256:" + "a" * 64 + "\n    # via us\nno-such==1\n"
    lock = audit.locked(text)
    assert lock == {"orjson": ("0.1", 1), "no-such": ("1", 0)}
    told = "\n".join(audit.problems(lock))
    assert "0.1 is locked" in told
    assert "no-such: no file of it is pinned by hash" in told
    assert "no-such: locked and not installed; run `make setup`" in told
    assert "asyncua: asked for in pyproject.toml and not locked" in told
    with pytest.raises(ValueError, match="not pinned: orjson>=3"):
        audit.locked("orjson>=3\n")


@pytest.mark.parametrize(
    ("said", "is_bound"),
    [
        ("GNU General Public License v3 (GPLv3)", True),
        ("AGPL-3.0-only", True),
        ("GNU Lesser General Public License v3 or later", False),
        ("LGPL-3.0", False),
        ("MIT", False),
    ],
)
def test_a_licence_that_binds_the_whole_is_told_from_one_of_a_library(
    audit: ModuleType, said: str, *, is_bound: bool
) -> None:
    """GPL and AGPL are refused, LGPL is not."""
    assert bool(audit.BOUND.search(said)) is is_bound


def test_what_nothing_imports_is_named(audit: ModuleType) -> None:
    """A dependency without an import is one too many."""
    assert audit.unused({"orjson", "pytest"}) == ["pytest"]
