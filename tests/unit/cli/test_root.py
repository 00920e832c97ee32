"""The command table: quick where it must be, and every line of it leads somewhere."""

import subprocess
import sys
from importlib import import_module

import pytest

from agent.cli import COMMANDS, exits, main

HEAVY = ("typer", "pydantic", "ruamel", "asyncua", "pymodbus", "paho", "apsw", "rich")


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Return exit code, standard output and standard error of one call."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    shown = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, shown.out, shown.err


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ()])
def test_version_and_help_answer_before_heavy_imports(arguments: tuple[str, ...]) -> None:
    """Neither the command line's library nor any protocol's is loaded for that."""
    script = (
        "import sys\nfrom agent.cli import main\n"
        f"try:\n    main({list(arguments)!r})\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=300
    )
    assert run.stdout.splitlines()[-1] == "[]"


def test_version_names_the_product(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` is one line."""
    code, out, err = answer(capsys, "--version")
    assert (code, len(out.splitlines()), err) == (exits.OK, 1, "")
    assert out.startswith("lineside ")


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Who asks for help gets every command with its summary; who says nothing gets it as well."""
    code, out, _ = answer(capsys, "--help")
    assert code == exits.OK
    assert all(name in out and command.summary in out for name, command in COMMANDS.items())
    assert answer(capsys) == (exits.USAGE, out, "")


def test_misspelt_command_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """A slip on the command line costs one line and exit code 2."""
    assert answer(capsys, "chek") == (
        exits.USAGE,
        "",
        "lineside: no command 'chek'; did you mean 'check'?\n",
    )
    code, _, err = answer(capsys, "qqq")
    assert (code, err.startswith("lineside: no command 'qqq'; known: ")) == (exits.USAGE, True)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each line of the table leads to a function that says what it takes."""
    module, function = COMMANDS[name].target.split(":")
    assert callable(getattr(import_module(module), function))
    code, out, _ = answer(capsys, name, "--help")
    assert code == exits.OK
    assert f"lineside {name}" in out


def test_module_is_the_command() -> None:
    """`python -m agent` answers as `lineside` does."""
    run = subprocess.run(
        [sys.executable, "-m", "agent", "--version"],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert run.stdout.startswith("lineside ")
