"""Files on the machine of whoever runs this: written in one step, so that nobody ever reads half of one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file whole or not at all. One that is there keeps its mode; a link is followed, and stays one.

    Raises OSError.
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
    """What a file holds; nothing where there is none. Raises OSError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
