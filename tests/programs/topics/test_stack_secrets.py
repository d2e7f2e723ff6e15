"""A whole audit of stacks on a real engine: what somebody changed is named, and no value of an env file is left."""

import gzip
import html
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.private_engine import WHY_NOT, private_swarm

INVENTORY = """
nodes: {here: {connection: local, sudo: true}}
services: {none: a test}
backups: {none: a test}
certificates: {none: a test}
stacks: {rodan: {file: stack.yml, environment: [LEVEL], environment_files: [deploy.env]}}
"""
STACK = """\
version: "3.8"
services:
  web:
    image: x:${TAG}
    env_file: web.env
    environment: {LEVEL: "${LEVEL}", PLAIN: plain-Hidden3}
    command: ["run", "--password=${TAG_PASSWORD}"]
    deploy:
      labels: {auth: "${TAG_PASSWORD}"}
      placement: {constraints: [node.labels.none == yes]}
"""
HIDDEN = {"PASSWORD": "hunter2-Hidden1", "SMTP_URL": 'smtp://u:p"<&hidden4@x'}
EXPORTED = {"TAG": "1.27", "TAG_PASSWORD": "deploy-Hidden2"}
VALUES = ("hunter2-Hidden1", "hidden4@x", "deploy-Hidden2", "plain-Hidden3", "by-hand-Hidden5", "level-Hidden6")
WRITTEN = {"page": "page.html", "summary": "summary.md", "metrics": "fleet.prom", "sarif": "open.sarif",
           "record": "whole.json.gz"}  # fmt: skip
"""What a whole audit writes besides, by option."""

pytestmark = [pytest.mark.long, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)]


def run(folder: Path, environment: dict[str, str], *words: str) -> str:
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)
    (folder / "printed").open("a").write(done.stdout + done.stderr)
    return done.stdout + done.stderr


def all_texts(folder: Path) -> dict[str, str]:
    """The text of every file below a folder, unpacked where it is packed, and as a browser shows it."""
    texts = {}
    for path in (path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content += gzip.decompress(content)
        text = content.decode("utf-8", "replace")
        texts[str(path.relative_to(folder))] = text + html.unescape(text)
    return texts


def test_case_89_no_value_of_an_env_file_is_in_anything_that_an_audit_leaves(tmp_path: Path) -> None:
    folder = tmp_path / "team"
    folder.mkdir()
    (folder / "mine.yml").write_text(INVENTORY)
    (folder / "stack.yml").write_text(STACK)
    (folder / "web.env").write_text("".join(f"{name}={value}\n" for name, value in HIDDEN.items()))
    (folder / "deploy.env").write_text("".join(f"{name}={value}\n" for name, value in EXPORTED.items()))
    with private_swarm() as docker:
        environment = {**os.environ, **docker, "FLEETKEEPER_STATE": str(folder / "state"), "LEVEL": "level-Hidden6"}
        deploy = ("docker", "stack", "deploy", "--resolve-image", "never", "-c", "stack.yml", "rodan")
        run(folder, {**environment, **EXPORTED}, *deploy)
        audit = (sys.executable, "-m", "pytest", "--hosts=./mine.yml", "-p", "no:cacheprovider",
                 "-k", "deployed_as_declared", "--record=look.json.gz", "--results=results.json",
                 "--junitxml=audit.xml", "-vv", "--show-facts")  # fmt: skip
        assert "1 passed" in run(folder, environment, *audit)
        by_hand = ("--env-add=HAND=by-hand-Hidden5", "--env-add=PASSWORD=by-hand-Hidden5", "--image=x:1.28")
        run(folder, environment, "docker", "service", "update", "-d", "--no-resolve-image", *by_hand, "rodan_web")
        printed = run(folder, environment, *audit)
        assert "HAND is not in the file" in printed
        assert "PASSWORD has another value" in printed
        assert "image x:1.28" in printed
        run(folder, environment, *audit[:6], "-vv", *(f"--{kind}={name}" for kind, name in WRITTEN.items()))
        program = "import sys; from {0} import main; main()"
        for module, words in (
            ("remediate.commands.main", ("--hosts=./mine.yml", "--print-patch")),
            ("remediate.commands.main", ("--hosts=./mine.yml", "--json")),
            ("fleetkeeper.commands.main", ("report", "--hosts=./mine.yml", "--out", "reported")),
            ("fleetkeeper.commands.main", ("history", "--hosts=./mine.yml")),
            ("fleetkeeper.commands.main", ("stack", "stack.yml", "--environment-file", "deploy.env")),
        ):
            run(folder, environment, sys.executable, "-c", program.format(module), *words)
        replayed = run(folder, environment, *audit[:8], "--replay=look.json.gz")
        assert "values not compared" in replayed
    left = {
        name: text for name, text in all_texts(folder).items() if name not in ("web.env", "deploy.env", "stack.yml")
    }
    assert {"look.json.gz", "results.json", "audit.xml", "printed", *WRITTEN.values()} <= left.keys()
    assert {"reported/mine.html", "state/history.sqlite", "state/journal.sqlite"} <= left.keys()
    silent = [name for name in WRITTEN.values() if "HAND is not in the file" not in left[name]]
    assert silent == ["fleet.prom", "whole.json.gz"], "the others tell it, so that what they leave out is tried"
    hits = [(name, value) for name, text in left.items() for value in VALUES if value.lower() in text.lower()]
    assert hits == []
