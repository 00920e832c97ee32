"""A secret that others may read is told with its file, its mode and what to do."""

import os
from pathlib import Path

import pytest

from agent.app.exposed import exposed
from agent.cli import exits, main
from tests.unit.config.stations import PRESS, edited, loaded, write

ROOT_GIVES = 64321
"""A group that is not root's."""


def with_secrets(directory: Path, mode: int) -> tuple[str, dict[str, Path]]:
    """Return a station file whose every secret is in a file of this mode, and those files."""
    files = {
        key: directory / key
        for key in (
            "operators.key",
            "checkpoints.key",
            "devices.plc.security.key",
            "devices.plc.password",
            "publish.plant.password",
            "publish.plant.key",
        )
    }
    for file in files.values():
        file.write_text("secret")
        file.chmod(mode)
    security = (
        "security: {policy: Basic256Sha256, certificate: /c, trust: /t, "
        f'key: "file:{files["devices.plc.security.key"]}"}}, '
        f'user: u, password: "file:{files["devices.plc.password"]}"'
    )
    sink = (
        f'user: u, password: "file:{files["publish.plant.password"]}", certificate: /c, '
        f"key: {files['publish.plant.key']}"
    )
    text = edited(
        PRESS,
        ("credential:operator-key", f'"file:{files["operators.key"]}"'),
        ('url: "opc.tcp://127.0.0.1:4840"', f'url: "opc.tcp://127.0.0.1:4840", {security}'),
        ('url: "mqtt://127.0.0.1"', f'url: "mqtts://127.0.0.1", {sink}'),
    )
    return f'{text}checkpoints: {{key: "file:{files["checkpoints.key"]}"}}\n', files


@pytest.mark.parametrize(
    ("mode", "who"),
    [(0o644, "every user of this machine"), (0o620, "every user of its group")],
)
def test_each_secret_that_others_may_read_is_told(tmp_path: Path, mode: int, who: str) -> None:
    """Key by key, with the file, its mode and the remedy; nothing of the secret itself."""
    text, files = with_secrets(tmp_path, mode)
    found = exposed(loaded(text))
    assert [(problem.path, problem.message, problem.value) for problem in found] == [
        (key, f"{who} may read the secret in {file}", f"mode {mode:04o}")
        for key, file in files.items()
    ]
    assert all("(chmod 600)" in problem.hint for problem in found)


def test_a_secret_that_is_the_services_alone_is_no_warning(tmp_path: Path) -> None:
    """Nor is one that is not there, or that root hands to the service's group to be read."""
    text, files = with_secrets(tmp_path, 0o600)
    files["operators.key"].unlink()
    assert exposed(loaded(text)) == []
    handed = files["checkpoints.key"]
    handed.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(handed, 0, ROOT_GIVES)
    assert len(exposed(loaded(text))) == (1 if os.geteuid() else 0)


def test_check_tells_it_and_refuses_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`lineside check` says it as a warning, at the line of the file that names it."""
    text, files = with_secrets(tmp_path, 0o644)
    write(tmp_path, press=text)
    with pytest.raises(SystemExit) as ended:
        main(("check", str(tmp_path / "press.yaml")))
    assert ended.value.code == exits.OK
    line = text[: text.index("operators:")].count("\n") + 1
    said = capsys.readouterr().out
    assert f"warning: {tmp_path}/press.yaml:{line}:" in said
    assert f"may read the secret in {files['operators.key']} (mode 0644); let the agent's" in said
