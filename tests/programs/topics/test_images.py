"""The script that looks at images, in real shells, with a client that answers as Docker does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fleetkeeper.topics.images.facts import Facts
from fleetkeeper.topics.images.observe import inspect_images
from fleetkeeper.topics.images.parse import parse_images

REAL_SHELLS = [words for words in (("dash",), ("busybox", "sh"), ("bash", "--posix")) if shutil.which(words[0])]
WEB, GONE = "a" * 64, "b" * 64
INSPECTED = f"""[
    {{
        "Id": "sha256:{WEB}",
        "RepoTags": [
            "ours/web:1"
        ],
        "Created": "2026-11-01T10:00:00Z",
        "Config": {{
            "Env": [
                "PATH=/bin",
                "DB_PASSWORD=geheim \\"mit\\" Zitat",
                "DATABASE_URL=postgres://app:geheim@db:5432/x?ssl=1",
                "PIP_INDEX_URL=https://geheim.example:8443/simple",
                "API_TOKEN=no"
            ]
        }}
    }}
]"""
CLIENT = f"""#!{sys.executable}
import os, pathlib, sys
folder, asked = pathlib.Path(os.environ["FOLDER"]), sys.argv[1:]
if asked[:2] == ["image", "inspect"]:
    print((folder / "inspected").read_text())
elif asked == ["history", "--no-trunc", "--format", "{{{{json .CreatedBy}}}}", "sha256:{WEB}"]:
    print((folder / "history").read_text(), end="")
    sys.exit(0)
sys.exit(1)
"""


@pytest.fixture
def answering_node(tmp_path: Path) -> dict[str, str]:
    """The environment of a node whose client knows one image."""
    (tmp_path / "docker").write_text(CLIENT)
    (tmp_path / "docker").chmod(0o755)
    (tmp_path / "inspected").write_text(INSPECTED)
    steps = ["ENV API_TOKEN=no", "ADD rootfs.tar /"]
    (tmp_path / "history").write_text("".join(json.dumps(step) + "\n" for step in steps))
    return {"PATH": f"{tmp_path}:{os.environ['PATH']}", "FOLDER": str(tmp_path), "DOCKER_HOST": "unix:///x.sock"}


def look_in_shell(shell: tuple[str, ...], answering_node: dict[str, str], *named: str) -> tuple[str, Facts]:
    words = [*shell, *inspect_images(named).words[1:]]
    done = subprocess.run(words, env=answering_node, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout, parse_images(done.stdout)


@pytest.mark.parametrize("shell", REAL_SHELLS, ids=lambda words: words[0])
def test_the_script_tells_of_images_without_the_values_of_their_environment(
    shell: tuple[str, ...], answering_node: dict[str, str]
) -> None:
    text, facts = look_in_shell(shell, answering_node, f"{WEB}:0", f"{GONE}:0")
    assert "geheim" not in text
    assert "Zitat" not in text
    [image] = facts.images
    assert (image.names, image.setuid) == (("ours/web:1",), None)
    assert image.notes.secrets == ("DB_PASSWORD", "a password in DATABASE_URL")
    assert image.notes.added == ()


ROOTED = "import os, sys; os.chroot(sys.argv[1]); print(1, flush=True); sys.stdin.read()"


@pytest.mark.skipif(os.geteuid() != 0, reason="a process with a root of its own takes root")
@pytest.mark.parametrize("shell", REAL_SHELLS, ids=lambda words: words[0])
def test_set_uid_files_are_those_below_the_root_of_a_process(
    shell: tuple[str, ...], answering_node: dict[str, str], tmp_path: Path
) -> None:
    for path, mode in (("usr/bin/su", 0o4755), ("usr/bin/wall", 0o2755), ("usr/bin/ls", 0o755)):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
        (tmp_path / path).chmod(mode)
    words = (sys.executable, "-c", ROOTED, tmp_path)
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        _, facts = look_in_shell(shell, answering_node, f"{WEB}:{process.pid}")
        process.communicate("")
    assert sorted(facts.images[0].setuid or ()) == ["/usr/bin/su", "/usr/bin/wall"]
