"""Files of sections 4 and 5 in the spellings that Docker takes: each is right, wrong or unknown, none passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetkeeper.commands.cis_files import GivenFiles, judge_files, request_about_files
from fleetkeeper.topics.benchmark.files.judged_files import JudgedFile
from fleetkeeper.transport.commands import Unobservable
from tests.pure.topics.benchmark.test_files import GOOD, broken_numbers, judge_text

END = "USER a\nHEALTHCHECK CMD x\n"


def judge_build(folder: Path, text: str) -> JudgedFile:
    path = folder / "Dockerfile"
    path.write_text(text)
    [judged] = judge_files(GivenFiles(dockerfiles=(path,)), request_about_files(None, None, "2", strict=False))
    assert judged.problem is None
    return judged


def unknown_numbers(judged: JudgedFile) -> set[str]:
    dark = [part for part in judged.parts if isinstance(part.why, Unobservable)]
    return {name.partition(":")[2] for part in dark for name in part.cis}


@pytest.mark.parametrize(
    ("key", "number"),
    [
        ("privileged: 1", "5.5"),
        ("privileged: ${P:-true}", "5.5"),
        ("volumes: [/srv/../etc:/x]", "5.6"),
        ("volumes: ['//var/run/./docker.sock:/s']", "5.32"),
        ("devices: [/dev/mmcblk0]", "5.18"),
        ("device_cgroup_rules: ['c *:* rwm']", "5.18"),
        ("ports: ['8000']", "5.14"),
    ],
)
def test_a_key_of_compose_is_wrong_in_each_spelling(key: str, number: str, tmp_path: Path) -> None:
    text = GOOD.replace('    ports:\n      - "80:8080"\n', "").replace("    volumes:\n      - data:/srv\n", "")
    judged = judge_text(tmp_path, text.replace("    user:", f"    {key}\n    user:"), compose=True)
    assert (number, 4) in broken_numbers(judged)


@pytest.mark.parametrize(
    ("key", "number"), [("privileged: maybe", "5.5"), ("volumes_from: ['container:x']", "5.6"), ("pid: [x]", "5.16")]
)
def test_a_key_of_compose_that_cannot_be_read_is_unknown(key: str, number: str, tmp_path: Path) -> None:
    judged = judge_text(tmp_path, GOOD.replace("    user:", f"    {key}\n    user:"), compose=True)
    assert judged.unread
    assert number in unknown_numbers(judged)


def test_services_of_other_files_are_unknown(tmp_path: Path) -> None:
    judged = judge_text(tmp_path, f"include: [other.yml]\n{GOOD}", compose=True)
    assert judged.unread
    assert {"5.5", "5.32"} <= unknown_numbers(judged)


def test_a_health_check_that_only_changes_times_is_decided_by_the_image(tmp_path: Path) -> None:
    judged = judge_text(tmp_path, GOOD.replace("test: [CMD, /healthy]", "interval: 5s"))
    assert broken_numbers(judged) == []
    assert {"4.6", "5.27"} <= unknown_numbers(judged)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"ARG NPM_TOKEN=4f5a6b7c\nFROM a\n{END}", [("4.10", 1)]),
        (f"FROM a\nENV PGPASSWORD=x1\n{END}", [("4.10", 2)]),
        (f"FROM a\nRUN set -e \\\n && export NPM_TOKEN=4f5a \\\n && npm ci\n{END}", [("4.10", 2)]),
        (f"FROM a\nRUN <<EOF\nexport NPM_TOKEN=4f5a\nnpm ci\nEOF\n{END}", [("4.10", 2)]),
        (f'FROM a\nRUN ["sh", "-c", "NPM_TOKEN=4f5a npm ci"]\n{END}', [("4.10", 2)]),
        (f"FROM a\nRUN git clone https://me:4f5a@git.example/x\n{END}", [("4.10", 2)]),
        (
            f"FROM a\nRUN --mount=type=secret,id=npm NPM_TOKEN=$(cat /run/secrets/npm) npm ci\n{END}",
            [],
        ),
        (f'FROM a\nRUN ["apt-get","update"]\n{END}', [("4.7", 2)]),
        (f"FROM a\nONBUILD ADD . /x\n{END}", [("4.9", 2)]),
        ("FROM a\nONBUILD USER b\nHEALTHCHECK CMD x\n", [("4.1", 1)]),
        (f"FROM a\nRUN apt-get update \\\n\n && apt-get install -y x\n{END}", []),
        (f'FROM a\nRUN cat <<<FOO && echo "x <<EOF" $((1<<A))\n{END}', []),
        (f"FROM a\nRUN <<-EOF\n\tapt-get update\n\tEOF\n{END}", [("4.7", 2)]),
    ],
)
def test_a_step_of_a_build_is_read_as_docker_reads_it(
    text: str, expected: list[tuple[str, int]], tmp_path: Path
) -> None:
    assert broken_numbers(judge_build(tmp_path, text)) == expected
