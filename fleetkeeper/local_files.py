"""Files on the machine that runs fleetkeeper, written in one step so that no reader sees half a file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Replace a file's content atomically (temporary file, fsync, rename), or leave it as it was.

    A new file gets `mode`, an existing one keeps its own; a symbolic link is followed and stays one. Raises OSError.
    The temporary file is removed when that fails.
    """
    real = path.resolve()
    if real.exists():
        mode = real.stat().st_mode & 0o7777
    descriptor, waiting = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(waiting, real)
    except BaseException:
        Path(waiting).unlink(missing_ok=True)
        raise


def read_file(path: Path) -> bytes:
    """The content of a file; b"" when it does not exist. Raises OSError for any other failure."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
