"""A real PostgreSQL server of the tests' own, in a folder that goes with it, on a Unix socket.

It sorts text as people do (ICU), so that nothing may depend on how a database sorts. PostgreSQL
refuses to run as root: then it runs as `nobody`.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import create_engine, text

_TREE = Path(__file__).parents[1] / ".venv" / "debian"
"""Where .ci/setup-debian unpacks what the machine has not got."""
_SETTINGS = {
    "fsync": "off",  # nobody cuts the power; a killed server finds what it wrote
    "listen_addresses": "''",
    "shared_buffers": "16MB",
    "max_connections": "40",
}


def memory(mib: int) -> str | None:
    """Return a folder that needs no disk, if it has that much room; a socket's path is short."""
    try:
        free = shutil.disk_usage("/dev/shm").free  # noqa: S108 - what is made there has random names
    except OSError:
        return None
    return "/dev/shm" if free >= mib << 20 else None  # noqa: S108 - as above


def _newest(tree: Path) -> Path | None:
    """Return the folder of the newest server's programs below a tree."""
    found = sorted(tree.glob("usr/lib/postgresql/*/bin"), key=lambda path: int(path.parent.name))
    return found[-1] if found else None


class Postgres:
    """One server; each `fresh` is an empty database of its own as far as a store can see."""

    def __init__(
        self, settings: Mapping[str, str] = _SETTINGS, directory: str | None = None
    ) -> None:
        """Prepare one; `directory`: where its folder is made, in memory if there is room for it."""
        self._settings = settings
        within = directory or memory(256)
        self._home = Path(tempfile.mkdtemp(prefix="lineside-pg-", dir=within))
        self._names = itertools.count(1)
        self._environment = dict(os.environ)
        self._user: str | None = None
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._user = nobody.pw_name
            os.chown(self._home, nobody.pw_uid, nobody.pw_gid)
        self._bin = self._programs()

    def __enter__(self) -> Self:
        """Make the cluster and start the server."""
        how = ("--no-sync", "--auth=trust", "--username=lineside", "--encoding=UTF8")
        sorting = ("--locale=C", "--locale-provider=icu", "--icu-locale=en")
        self._run("initdb", "-D", str(self._home / "data"), *how, *sorting)
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it and remove everything."""
        self.kill()
        shutil.rmtree(self._home)

    def start(self) -> None:
        """Return when it answers."""
        settings = {**self._settings, "unix_socket_directories": str(self._home)}
        given = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._control("start", "-l", str(self._home / "log"), "-o", given)

    def kill(self) -> None:
        """End it without a word to its clients, as a crash would."""
        self._control("stop", "-m", "immediate")

    def stop(self) -> None:
        """End it as an upgrade would: sessions are cut off, what was committed is on disk."""
        self._control("stop", "-m", "fast")

    def fresh(self) -> str:
        """Return the URL of an empty store."""
        schema = f"t{next(self._names)}"
        engine = create_engine(self.url("public"))
        with engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
        engine.dispose()
        return self.url(schema)

    def url(self, schema: str) -> str:
        """Return the URL of a schema."""
        options = f"options=-csearch_path%3D{schema}"
        return f"postgresql://lineside@/postgres?host={self._home}&{options}"

    def _programs(self) -> Path:
        """Return the folder of its programs, where its user may start them."""
        found = _newest(Path("/"))
        if found is not None:
            return found
        found = _newest(_TREE)
        assert found is not None, "PostgreSQL is not there: `make database` gets it"
        libraries = [path for path in _TREE.rglob("*-linux-gnu") if path.is_dir()]
        if self._user is not None:  # who may not be allowed to look into our folder
            copy = self._home / "debian"
            for part in (found.parent, _TREE / "usr/share/postgresql", *libraries):
                shutil.copytree(
                    part, copy / part.relative_to(_TREE), symlinks=True, dirs_exist_ok=True
                )
            libraries = [copy / path.relative_to(_TREE) for path in libraries]
            found = copy / found.relative_to(_TREE)
        self._environment["LD_LIBRARY_PATH"] = ":".join(map(str, libraries))
        return found

    def _control(self, *words: str) -> None:
        self._run("pg_ctl", "-w", "-s", "-D", str(self._home / "data"), *words)

    def _run(self, program: str, *words: str) -> None:
        with (self._home / "said").open("w+b") as said:  # a pipe would stay open in the server
            done = subprocess.run(
                [str(self._bin / program), *words],
                user=self._user,
                group="nogroup" if self._user else None,
                extra_groups=[] if self._user else None,
                cwd=self._home,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                check=False,
            )
            said.seek(0)
            assert done.returncode == 0, said.read().decode()
