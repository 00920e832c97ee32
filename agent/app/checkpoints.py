"""What commands do with signed checkpoints: make a key, check signatures, prove a stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.app.keyfiles import KeyFileError, read, write_new
from agent.formats.checkpoint import CheckpointKeyError, Keys, fault, key_id, make_key, public_keys
from agent.trace.signed import Proof, prove_stream

__all__ = ["KeyFileError", "Made", "Proof", "checker", "make_key_files", "prove_file"]


@dataclass(frozen=True, slots=True)
class Made:
    """A new pair of keys."""

    private: Path
    public: Path
    key_id: str


def make_key_files(path: Path) -> Made:
    """Make a private key in a file, and its public key in `PATH.pub` beside it.

    Raises:
        KeyFileError: one of them is there already, or cannot be written.
    """
    public = path.with_name(f"{path.name}.pub")
    if public.exists():
        raise KeyFileError(f"{public}: there is one already; name another file")
    private_pem, public_pem = make_key()
    write_new(path, private_pem, private=True)
    write_new(public, public_pem, private=False)
    (key,) = public_keys(public_pem).values()
    return Made(path, public, key_id(key))


def checker(paths: Sequence[Path]) -> Callable[[Mapping[str, Any]], str | None]:
    """Return what says what is wrong with a checkpoint, by the keys in these files.

    Raises:
        KeyFileError: one is no public key.
    """
    keys = _keys(paths)
    return lambda checkpoint: fault(checkpoint, keys)


def prove_file(path: Path, keys: Sequence[Path]) -> Proof:
    """Return what a file of received events proves, one JSON a line.

    Raises:
        KeyFileError: the file or a key cannot be read.
    """
    found = _keys(keys)
    try:
        with path.open("rb") as lines:
            return prove_stream(lines, found)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read: {error.strerror}") from error


def _keys(paths: Sequence[Path]) -> Keys:
    found: Keys = {}
    for path in paths:
        try:
            found = {**found, **public_keys(read(path))}
        except CheckpointKeyError as error:
            raise KeyFileError(
                f"{path}: {error}; give the .pub file that `lineside checkpoint key` made"
            ) from error
    return found
