"""What holds for the tree as a whole: what lies where, and what no committed file says."""

import ast
import fnmatch
import json
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
LOCKS = ("requirements.lock", "requirements-dev.lock")

TOP_LEVEL = frozenset(
    {
        ".ci",
        ".gitignore",
        "LICENSE",
        "Makefile",
        "README.md",
        "agent",
        "config",
        "docs",
        "drivers",
        "pyproject.toml",
        "requirements-dev.lock",
        "requirements.lock",
        "systemd",
        "tests",
    }
)

# One letter of each stands in brackets, so that this file does not break its own laws.
PACKAGE_INDEX = re.compile(r"pyp[i]\.org|python[h]osted|npm[j]s\.org|deb\.[d]ebian")
ONE_MACHINE = re.compile(r"(?<![\w.~-])/(?:[w]ork|[r]oot|[h]ome)/|\.\./[s]hared\b")
UNFINISHED = re.compile(r"\b(?:TOD[O]|FIXM[E]|XX[X]|NotImplemented[E]rror)\b")
SKIPPED = re.compile(r"mark\.(?:[s]kip|[x]fail)|pytest\.(?:[s]kip|[x]fail|[i]mportorskip)\b")
WAITING = re.compile(r"\b(?:asyncio|time)\.[s]leep\((?!0\))")


@cache
def files() -> tuple[Path, ...]:
    """Return every file that is, or could by now be, committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        cwd=ROOT,
        text=True,
    )
    found = (ROOT / name for name in listed.stdout.split("\0") if name)
    return tuple(path for path in found if path.is_file())


def name(path: Path) -> str:
    """Return the path as seen from the top of the repository."""
    return path.relative_to(ROOT).as_posix()


def texts(*patterns: str) -> Iterator[tuple[str, str]]:
    """Yield name and text of our own files that match; test data and licences are others' words."""
    for path in files():
        if DATA in path.parents or not any(fnmatch.fnmatch(name(path), each) for each in patterns):
            continue
        yield name(path), path.read_text(encoding="utf-8")


def lines_with(pattern: re.Pattern[str], *where: str) -> list[str]:
    """Return `name:line` of each line in the matching files that has the pattern."""
    return [
        f"{file}:{number}"
        for file, text in texts(*where)
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


def pins(lock: str) -> dict[str, tuple[str, int]]:
    """Return version and number of hashes of each requirement in a lock file."""
    found = {}
    for block in re.split(r"\n(?=\S)", (ROOT / lock).read_text(encoding="utf-8")):
        if pin := re.match(r"([a-z0-9-]+)==(\S+)", block):
            found[pin[1]] = (pin[2], block.count("--hash=sha256:"))
    return found


def test_top_level_is_what_the_design_says() -> None:
    """A newcomer finds the same few names at the top; a new one is decided, not dropped there."""
    assert {name(path).partition("/")[0] for path in files()} <= TOP_LEVEL


@pytest.mark.parametrize(
    "law", [PACKAGE_INDEX, ONE_MACHINE, UNFINISHED], ids=["index", "path", "open"]
)
def test_no_file_says(law: re.Pattern[str]) -> None:
    """No package index, no path of one machine, and nothing unfinished is committed."""
    assert lines_with(law, "*") == []


def test_no_test_is_skipped() -> None:
    """A test runs and must pass, or it is not there."""
    assert lines_with(SKIPPED, "tests/*.py") == []


@pytest.mark.parametrize("folder", ["unit", "properties"])
def test_no_test_sleeps(folder: str) -> None:
    """Tests wait for events or turn the manual clock; only real counterparts take real time."""
    assert lines_with(WAITING, f"tests/{folder}/*.py") == []


def test_every_exemption_has_a_reason() -> None:
    """A silenced check names its rule and says why: `noqa: RULE - why`, `ignore[rule]  # why`."""
    bare = re.compile(
        r"#\s*noqa(?!: [A-Z]+[0-9]+(?:, ?[A-Z]+[0-9]+)* - \w)"
        r"|#\s*type:\s*ignore(?!\[[a-z, -]+\]  # \w)"
        r"|#\s*pragma: no (?:cover|branch)(?! - \w)"
    )
    assert lines_with(bare, "agent/*.py", "drivers/*.py", "tests/*.py") == []


def test_everything_is_caught_in_two_places_only() -> None:
    """Only the composition root and the supervisor catch what nobody named (broad excepts)."""
    broad = {
        file
        for file, text in texts("agent/*.py", "drivers/*.py")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or re.search(r"\b(?:Base)?Exception\b", ast.unparse(node.type)))
    }
    assert {file for file in broad if not re.match(r"agent/(?:app|supervisor)\b", file)} == set()


def test_every_test_states_its_law() -> None:
    """Each test function has a docstring."""
    silent = [
        f"{file}:{node.lineno}"
        for file, text in texts("tests/*.py")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


def test_scripts_can_be_started() -> None:
    """Every file that names its interpreter is executable, and the shell can read its scripts."""
    scripts = {path: text.splitlines()[0] for path, text in texts(".ci/*") if text.startswith("#!")}
    assert [path for path in scripts if not os.access(ROOT / path, os.X_OK)] == []
    for path, line in scripts.items():
        if shell := re.search(r"\b(?:bash|sh)\b", line):
            assert subprocess.run([shell[0], "-n", path], check=False, cwd=ROOT).returncode == 0


def test_test_data_has_its_licence_beside_it() -> None:
    """Each file of test data stands in the table of licences, and each licence text is there."""
    rows = re.findall(
        r"(?m)^\| (`.*?) \| (.*)$", (DATA / "LICENSES.md").read_text(encoding="utf-8")
    )
    covered = [pattern for row, _ in rows for pattern in re.findall(r"`([^`]+)`", row)]
    named = {text for _, rest in rows for text in re.findall(r"`(licenses/[^`]+)`", rest)}
    ours = [path.relative_to(DATA).as_posix() for path in files() if DATA in path.parents]
    assert {file for file in ours if file.startswith("licenses/")} == named
    data = [file for file in ours if not file.startswith("licenses/")]
    assert [file for file in data if not any(fnmatch.fnmatch(file, each) for each in covered)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_holds_hashes_and_no_address(lock: str) -> None:
    """Whatever is installed is compared with a hash, wherever it was fetched from."""
    assert [each for each, (_, hashes) in pins(lock).items() if hashes == 0] == []
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert re.search(r"https?:|file:/|--(?:extra-)?index|--find-links|--trusted", text) is None


def test_lock_serves_other_machines_too() -> None:
    """A compiled library is locked with the files of all platforms, not of one only."""
    compiled = ("apsw", "cryptography", "orjson", "pydantic-core")
    assert [each for each in compiled if pins("requirements.lock")[each][1] < 10] == []


def test_locks_agree() -> None:
    """Tests run on exactly the versions that are installed at a station."""
    runtime, dev = (pins(lock) for lock in LOCKS)
    assert {each: pin for each, pin in runtime.items() if dev.get(each) != pin} == {}


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_follows_the_project_file(lock: str) -> None:
    """Every dependency in pyproject.toml is in the lock; `make lock` renews it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + ("dev" in lock) * project["optional-dependencies"]["dev"]
    names = {re.split("[<>=]", line)[0].lower().replace(".", "-") for line in wanted}
    assert names - pins(lock).keys() == set()


def test_node_lock_holds_hashes_and_no_address() -> None:
    """Every package of the Node peer is compared with a hash and names no registry."""
    text = (ROOT / "tests/peers/node/package-lock.json").read_text(encoding="utf-8")
    packages = {path: entry for path, entry in json.loads(text)["packages"].items() if path}
    assert {path for path, entry in packages.items() if "resolved" in entry} == set()
    assert {path for path, entry in packages.items() if "integrity" not in entry} == set()
