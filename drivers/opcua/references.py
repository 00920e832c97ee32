"""Secrets by reference: the station file says where a secret is, never what it is (DESIGN 9)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from drivers.base import DriverConfigError

REFERENCES = ("credential:", "file:", "env:")
"""How a reference begins."""


def reference(text: str) -> str:
    """Return a reference as it is.

    Raises:
        ValueError: it is not one; most likely it is the secret itself, so it is not repeated.
    """
    if not text.startswith(REFERENCES) or not text.partition(":")[2]:
        raise ValueError(
            "a secret is named, never written here: credential:NAME, file:PATH or env:NAME"
        )
    return text


Reference = Annotated[str, AfterValidator(reference)]
"""`credential:NAME`, `file:PATH` or `env:NAME`."""


def resolve(where: str) -> bytes:
    """Return what a reference points to, as it is.

    Raises:
        DriverConfigError: there is nothing, or it may not be read.
    """
    kind, _, name = where.partition(":")
    if kind == "env":
        value = os.environ.get(name)
        if value is None:
            raise DriverConfigError(None, f"no environment variable {name}", f"set it for {where}")
        return value.encode()
    path = Path(name)
    if kind == "credential":
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if folder is None:
            raise DriverConfigError(
                None,
                f"{where}: no credentials were handed to this process",
                f"add LoadCredential={name}:/path to the unit, or use file:PATH or env:NAME",
            )
        path = Path(folder) / name
    try:
        return path.read_bytes()
    except OSError as error:
        raise DriverConfigError(
            None, f"{where}: {error.strerror}: {path}", "put the secret there, readable for us"
        ) from None


def resolve_text(where: str) -> str:
    """Return what a reference points to as text, without the line end that editors add.

    Raises:
        DriverConfigError: there is nothing, it may not be read, or it is not text.
    """
    try:
        return resolve(where).decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise DriverConfigError(None, f"{where}: not text", "write it in UTF-8") from None
