"""Containers that a real Compose makes on an engine of our own, beside their file: equal, or the changed variable."""

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from benchmarks.private_engine import WHY_NOT, private_swarm
from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import Verdict, judge_subject
from fleetkeeper.readers.docker.inspection import inspect_containers, inspection_json
from fleetkeeper.readers.run_digests import run_key
from fleetkeeper.topics.containers.parse import parse_containers
from fleetkeeper.topics.registry import RULES
from fleetkeeper.topics.services.compose.compose_client import find_client
from fleetkeeper.topics.services.compose.declared import declared_project
from fleetkeeper.topics.services.compose.observe import container_variables, describe_projects
from fleetkeeper.topics.services.policy import Stack
from fleetkeeper.transport.commands import Command, Output
from tests.helpers.compose_project import project_fleet
from tests.programs.topics.test_compose_projects import needs_compose

DEPLOYED = RULES["services.are_deployed_as_declared"]
PROJECT = """
x-common: &common {LOG: info}
services:
  web:
    image: box:1
    command: [x]
    network_mode: none
    env_file: web.env
    environment:
      <<: *common
      PLAIN: 'a "b" <c> $$d'
      EMPTY: ""
      TAG: "${TAG}"
      LINES: |
        one
        two
      SMILE: "ünï \U0001f600"
  list:
    image: box:1
    command: [x]
    network_mode: none
    environment: [A=1, B==, FROM_IMAGE=other, TZ]
    secrets: [key]
  plain: {image: "box:1", command: [x], network_mode: none}
secrets: {key: {file: web.env}}
"""
WEB_ENV = "PASSWORD=lab-only-password\nexport QUOTED='a $b'\nFROM=${TAG}\nLOG=debug\n"
CHANGES = [
    ("", "", []),
    ("LOG: info", "LOG: warn", ["web: LOG has another value"]),
    ("$$d", "$$e", ["web: PLAIN has another value"]),
    ('EMPTY: ""', 'EMPTY: " "', ["web: EMPTY has another value"]),
    ('      EMPTY: ""\n', "", ["web: EMPTY is not in the file"]),
    ('EMPTY: ""', 'EMPTY: ""\n      NEW: 1', ["web: NEW is missing"]),
    ("        two", "        three", ["web: LINES has another value"]),
    ("\U0001f600", "", ["web: SMILE has another value"]),
    ("lab-only-password", "x", ["web: PASSWORD has another value"]),
    ("export QUOTED='a $b'\n", "", ["web: QUOTED is not in the file"]),
    ("TAG=1.2", "TAG=1.3", ["web: FROM has another value, TAG has another value"]),
    ("B==", "B=", ["list: B has another value"]),
    (" FROM_IMAGE=other,", "", ["list: FROM_IMAGE is not in the file"]),
    ("FROM_IMAGE=other", "FROM_IMAGE=1", ["list: FROM_IMAGE has another value"]),
    ("plain: {", "plain: {environment: {HTTP_PROXY: x}, ", ["plain: HTTP_PROXY has another value"]),
    ("plain: {image: \"box:1\", command: [x]", "plain: {image: \"box:1\", command: [y]",
     ["plain has other settings than the file: command, labels, limits or networks"]),
]  # fmt: skip


def answer(command: Command, environment: dict[str, str]) -> Output:
    done = subprocess.run(command.words, env=environment, capture_output=True, check=False, timeout=60)
    return Output(done.returncode, done.stdout, done.stderr)


def write_project(folder: Path, old: str = "", new: str = "") -> Stack:
    """The project in a folder, with a text of one of its files replaced."""
    folder.mkdir(exist_ok=True)
    for name, text in (("compose.yaml", PROJECT), ("web.env", WEB_ENV), (".env", "TAG=1.2\n")):
        (folder / name).write_text(text.replace(old, new) if old else text)
    return Stack(kind="compose", node="web", file=str(folder / "compose.yaml"), directory="/srv/shop")


def verdict_of(stack: Stack, environment: dict[str, str]) -> Verdict:
    """What is found, but for the containers that were only made and never started."""
    described = container_variables(answer(describe_projects(run_key(), ["shop"]), environment))
    _, _, inspected = inspection_json(answer(inspect_containers(), environment)).partition("\n")
    fleet = project_fleet(declared_project(("shop", stack)), parse_containers(inspected), variables=described)
    return judge_subject(DEPLOYED, fleet, Subject("stack", "shop"))


@pytest.mark.long
@needs_compose
@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
def test_exactly_the_variables_with_another_value_are_named_of_real_containers(tmp_path: Path) -> None:
    """The person who starts it has a proxy in the configuration of Docker's client, and TZ in his shell."""
    write_project(tmp_path / "made")
    (tmp_path / "config.json").write_text('{"proxies": {"default": {"httpProxy": "http://proxy:1", "noProxy": "x"}}}')
    empty = io.BytesIO()
    tarfile.open(fileobj=empty, mode="w").close()
    with private_swarm() as engine:
        words = ("docker", "import", "--change", "ENV PATH=/bin", "--change", "ENV FROM_IMAGE=1", "-", "box:1")
        subprocess.run(words, env=engine, input=empty.getvalue(), check=True, capture_output=True, timeout=60)
        up = (find_client().path, "--project-name", "shop", "--project-directory", str(tmp_path / "made"))
        shell = {**engine, "DOCKER_CONFIG": str(tmp_path), "TZ": "UTC"}
        subprocess.run((*up, "up", "--no-start"), env=shell, check=True, capture_output=True, timeout=120)
        for old, new, expected in CHANGES:
            shutil.rmtree(tmp_path / "file", ignore_errors=True)
            verdict = verdict_of(write_project(tmp_path / "file", old, new), engine)
            assert [each.saw for each in verdict.findings if not each.saw.endswith("created")] == expected, (old, new)
            assert verdict.unknown == ()
            assert "lab-only-password" not in repr(verdict)
