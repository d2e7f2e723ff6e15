"""Which file system a directory is on, and which disk of /etc/fstab is missing below it, by awk of each shell."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fleetkeeper.transport.script_files import load_script

STORAGE = "fleetkeeper/topics/backups/scripts/storage.sh"
MOUNTS = r"""/dev/sda / ext4 rw 0 0
tmpfs /srv/in\040memory tmpfs rw 0 0
/dev/sdb /srv/a\134b xfs rw 0 0
"""
FSTAB = r"""# nas:/x /srv/comment nfs defaults 0 0
/dev/sda / ext4 defaults 0 1
nas:/bk /srv/bk nfs defaults,nofail 0 0
nas:/two /srv/two\040words/ nfs defaults 0 0
"""


@pytest.mark.parametrize("shell", [("dash",), ("busybox", "sh")])
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/srv/bk", "ext4 /srv/bk"),
        ("/srv/bk/daily", "ext4 /srv/bk"),
        ("/srv/bk2", "ext4"),
        ("/srv/comment", "ext4"),
        ("/srv/two words/daily", r"ext4 /srv/two\040words"),
        ("/srv/in memory", "tmpfs"),
        (r"/srv/a\b", "xfs"),
        ("/", "ext4"),
    ],
)
def test_a_directory_is_told_with_its_file_system_and_the_disk_that_is_missing(
    tmp_path: Path, shell: tuple[str, ...], path: str, words: str
) -> None:
    (tmp_path / "mounts").write_text(MOUNTS)
    (tmp_path / "fstab").write_text(FSTAB)
    script = load_script(STORAGE).replace("#!/bin/sh", "")
    for name in ("/proc/mounts", "/etc/fstab"):
        script = script.replace(name, f"{tmp_path}/{Path(name).name}")
    line = (*shell, "-c", f'{script}\nkind_of "$1"; unmounted "$1"', "sh", path)
    answer = subprocess.run(line, capture_output=True, check=True, text=True)
    assert answer.stdout.split("\n")[:-1] == words.split(" ")
