"""The dumps that fill the lab's backup volume are whole gzip files."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lab import dumps
from tests.pure.lab.test_dumps import DUMP, NOW


def test_gzip_itself_accepts_them(tmp_path: Path) -> None:
    subprocess.run(["gzip", "-t", *dumps.fill_directory(tmp_path, NOW, DUMP)], check=True)
