"""Digests under a key that is drawn for each run: they tell whether two texts are equal, and nothing of either.

A digest of one run says nothing in the next, and none can be computed by whoever reads a recording.
"""

from __future__ import annotations

import hashlib
import secrets
from functools import cache


@cache
def run_key() -> str:
    """The key of this run: 38 decimal digits, drawn once in a process."""
    return f"{secrets.randbelow(10**38):038d}"


def text_digest(text: str, key: str) -> str:
    """SHA-256 of the key and a text, each with a line end, as 64 hexadecimal digits."""
    return hashlib.sha256(f"{key}\n{text}\n".encode("utf-8", "replace")).hexdigest()
