"""Sections 4 and 5 of the benchmark from files: a stack that is right, and the same with one thing broken at a time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from fleetkeeper.commands.cis_files import (
    GivenFiles,
    bounded_content,
    exit_code_of_files,
    finding_lines,
    judge_files,
    request_about_files,
)
from fleetkeeper.commands.main import cli
from fleetkeeper.errors import UsageError
from fleetkeeper.exit_codes import Exit
from fleetkeeper.inventory.benchmark_ids import ids_of_edition
from fleetkeeper.readers.docker.dockerfile import DockerfileError, read_dockerfile
from fleetkeeper.topics.benchmark.files.file_states import file_states
from fleetkeeper.topics.benchmark.files.judged_files import JudgedFile

GOOD = """\
services:
  web:
    image: ours/web:1
    user: www-data
    read_only: true
    cap_drop: [ALL]
    ports:
      - "80:8080"
    networks: [inner]
    volumes:
      - data:/srv
    healthcheck:
      test: [CMD, /healthy]
    deploy:
      resources:
        limits: {cpus: "0.5", memory: 512M, pids: 100}
networks:
  inner:
volumes:
  data:
"""
DOCKERFILE = """\
FROM debian:12 AS build
RUN apt-get update && apt-get install -y gcc
FROM debian:12
COPY --from=build /x /x
HEALTHCHECK CMD /healthy
USER 1000
"""


def judge_text(folder: Path, text: str, *, compose: bool = False, strict: bool = False) -> JudgedFile:
    path = folder / "production.yml"
    path.write_text(text)
    given = GivenFiles(composes=(path,)) if compose else GivenFiles(stacks=(path,))
    [judged] = judge_files(given, request_about_files(None, None, "2", strict=strict))
    return judged


def broken_numbers(judged: JudgedFile) -> list[tuple[str, int]]:
    """The number of each open finding, and its line."""
    return [(each.finding.cis[-1].partition(":")[2], each.line) for each in judged.open]


def test_a_sound_stack_has_no_finding(tmp_path: Path) -> None:
    judged = judge_text(tmp_path, GOOD)
    assert (broken_numbers(judged), judged.unread, exit_code_of_files([judged])) == ([], False, Exit.NOTHING_LEFT)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("    user: www-data\n", "    user: '0:0'\n", [("4.1", 4)]),
        ("      test: [CMD, /healthy]\n", "      disable: true\n", [("4.6", 12), ("5.27", 12)]),
        ("test: [CMD, /healthy]", "test: [NONE]", [("4.6", 12), ("5.27", 12)]),
        ("    read_only: true\n", "    read_only: false\n", [("5.13", 5)]),
        ("    read_only: true\n", "    privileged: true\n    read_only: true\n", [("5.5", 5)]),
        ("cap_drop: [ALL]", "cap_add: [NET_BIND_SERVICE, CAP_SYS_ADMIN]", [("5.4", 6)]),
        ("      - data:/srv\n", "      - data:/srv\n      - /etc:/host\n", [("5.6", 12)]),
        ("      - data:/srv\n", "      - type: bind\n        source: /etc\n        target: /host\n", [("5.6", 12)]),
        ("      - data:/srv\n", f"      - data:/srv\n      - {'../' * 40}etc:/host\n", [("5.6", 10)]),
        ("      - data:/srv\n", "      - data:/srv\n    use_api_socket: true\n", [("5.32", 12)]),
        ("      - data:/srv\n", "      - /var/run/docker.sock:/var/run/docker.sock:ro\n", [("5.32", 11)]),
        ("      - data:/srv\n", "      - /srv/x:/x:rshared\n", [("5.20", 11)]),
        ("  data:\n", "  data: {driver_opts: {type: none, o: bind, device: /etc}}\n", [("5.6", 10)]),
        ('"80:8080"', '"22:8080"', [("5.8", 8), ("5.14", 8)]),
        ('"80:8080"', '"127.0.0.1:5432:5432"', [("5.14", 8)]),
        ("networks: [inner]", "network_mode: host", [("5.10", 9)]),
        ("  inner:\n", "  inner: {external: true, name: host}\n", [("5.10", 9)]),
        ("memory: 512M, ", "", [("5.11", 14)]),
        ('cpus: "0.5", ', "", [("5.12", 14)]),
        (", pids: 100", "", [("5.29", 14)]),
        ("    read_only: true\n", "    pid: host\n    read_only: true\n", [("5.16", 5)]),
        ("    read_only: true\n", "    ipc: host\n    read_only: true\n", [("5.17", 5)]),
        ("    read_only: true\n", "    uts: host\n    read_only: true\n", [("5.21", 5)]),
        ("    read_only: true\n", "    devices: ['/dev/sda:/dev/sda']\n    read_only: true\n", [("5.18", 5)]),
        ("    read_only: true\n", "    userns_mode: host\n    read_only: true\n", []),
    ],
)  # fmt: skip
def test_each_finding_in_a_stack_stands_at_its_line(
    tmp_path: Path, old: str, new: str, expected: list[tuple[str, int]]
) -> None:
    assert old in GOOD
    judged = judge_text(tmp_path, GOOD.replace(old, new))
    assert sorted(broken_numbers(judged)) == sorted(expected)
    assert not judged.unread


SOUND_COMPOSE = GOOD.replace("    read_only", "    security_opt: ['no-new-privileges:true']\n    read_only")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "", []),
        ("    security_opt: ['no-new-privileges:true']\n", "", [("5.26", 2)]),
        ("['no-new-privileges:true']", "['no-new-privileges:true', 'seccomp:unconfined']", [("5.22", 5)]),
        ("['no-new-privileges:true']", "['no-new-privileges:true', 'apparmor:unconfined']", [("5.2", 5)]),
        ('"80:8080"', '"127.0.0.1:5432:5432"', []),
        ("    deploy:\n      resources:\n        limits: {cpus: \"0.5\", memory: 512M, pids: 100}\n",
         "    mem_limit: 1g\n    cpus: 0.5\n    pids_limit: 100\n", []),
    ],
)  # fmt: skip
def test_a_compose_file_is_judged_by_what_compose_does(
    tmp_path: Path, old: str, new: str, expected: list[tuple[str, int]]
) -> None:
    judged = judge_text(tmp_path, SOUND_COMPOSE.replace(old, new) if old else SOUND_COMPOSE, compose=True)
    assert broken_numbers(judged) == expected


def test_what_a_stack_ignores_makes_nothing_right_in_it(tmp_path: Path) -> None:
    judged = judge_text(tmp_path, SOUND_COMPOSE)
    request = request_about_files(None, None, None, strict=False)
    [state] = [s for s in file_states([judged], request.policy, request.now.date()) if s.entry.number == "5.26"]
    assert (state.standing, "ignores" in state.why) == ("unknown", True)
    plain = '    deploy:\n      resources:\n        limits: {cpus: "0.5", memory: 512M, pids: 100}\n'
    old = GOOD.replace(plain, "    mem_limit: 1g\n    cpus: 0.5\n    pids_limit: 100\n")
    assert [number for number, _ in broken_numbers(judge_text(tmp_path, old))] == ["5.11", "5.12", "5.29"]


def test_a_service_that_says_nothing_is_judged_by_what_docker_does_then(tmp_path: Path) -> None:
    judged = judge_text(tmp_path, "services:\n  web:\n    image: x\n")
    assert {number for number, _ in broken_numbers(judged)} == {"5.11", "5.12", "5.13", "5.29"}
    request = request_about_files(None, None, None, strict=False)
    standing = {s.entry.number: s.standing for s in file_states([judged], request.policy, request.now.date())}
    assert {number for number in ("4.1", "4.6", "5.26", "5.27", "5.7", "4.3") if standing[number] != "unknown"} == set()
    assert exit_code_of_files([judged]) == Exit.NOTHING_LEFT


@pytest.mark.parametrize(
    ("old", "new", "number"),
    [
        ("memory: 512M", "memory: $MEMORY", "5.11"),
        ("memory: 512M", "memory: much", "5.11"),
        ('"80:8080"', '"${PORT}:8080"', "5.8"),
        ('"80:8080"', "eighty", "5.14"),
        ("data:/srv", "$DATA:/srv", "5.6"),
        ("user: www-data", "user: $WHO", "4.1"),
        ("user: www-data", "user: www-data\n    extends: {file: other.yml, service: web}", "5.5"),
        ("cap_drop: [ALL]", "cap_add: ALL", "5.4"),
    ],
)
def test_what_depends_on_what_is_not_here_is_unknown_and_never_right(
    tmp_path: Path, old: str, new: str, number: str
) -> None:
    judged = judge_text(tmp_path, GOOD.replace(old, new))
    request = request_about_files(None, None, None, strict=False)
    [state] = [s for s in file_states([judged], request.policy, request.now.date()) if s.entry.number == number]
    assert state.standing == "unknown"
    assert exit_code_of_files([judged]) == Exit.NOT_ALL_SEEN


def test_a_variable_that_is_set_or_has_a_default_is_put_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIRECTORY", "/etc")
    judged = judge_text(tmp_path, GOOD.replace("data:/srv", "$DATA_DIRECTORY:/srv"))
    assert broken_numbers(judged) == [("5.6", 10)]
    assert broken_numbers(judge_text(tmp_path, GOOD.replace("512M", "${MEMORY:-512M}"))) == []


def test_one_unclear_item_of_a_list_hides_no_other(tmp_path: Path) -> None:
    judged = judge_text(tmp_path, GOOD.replace("- data:/srv", "- $DATA:/srv\n      - /etc:/x"))
    assert (broken_numbers(judged), judged.unread) == ([("5.6", 12)], True)


def test_a_sound_dockerfile_has_no_finding(tmp_path: Path) -> None:
    assert broken_in_dockerfile(tmp_path, DOCKERFILE) == []


def broken_in_dockerfile(folder: Path, text: str) -> list[tuple[str, int]]:
    path = folder / "Dockerfile"
    path.write_text(text)
    [judged] = judge_files(GivenFiles(dockerfiles=(path,)), request_about_files(None, None, "2", strict=False))
    assert judged.problem is None, judged.problem
    return broken_numbers(judged)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("USER 1000\n", "", [("4.1", 3)]),
        ("USER 1000", "USER 1000\nUSER root", [("4.1", 7)]),
        ("USER 1000", "user 00:1", [("4.1", 6)]),
        ("HEALTHCHECK CMD /healthy\n", "", [("4.6", 3)]),
        ("HEALTHCHECK CMD /healthy", "HEALTHCHECK NONE", [("4.6", 5)]),
        ("HEALTHCHECK CMD /healthy", "healthcheck --interval=5s none", [("4.6", 5)]),
        (" && apt-get install -y gcc", "", [("4.7", 2)]),
        ("RUN apt-get update && apt-get install -y gcc", "RUN apt-get update \\\n # why\n  && true", [("4.7", 2)]),
        ("RUN apt-get update && apt-get install -y gcc", "RUN <<END\napt-get update\nEND", [("4.7", 2)]),
        ("COPY --from=build /x /x", "ADD x.tar /x", [("4.9", 4)]),
        ("COPY --from=build /x /x", "ENV A=b DB_PASSWORD=x", [("4.10", 4)]),
        ("COPY --from=build /x /x", "ARG NPM_TOKEN=x", [("4.10", 4)]),
        ("COPY --from=build /x /x", "ARG NPM_TOKEN", []),
        ("USER 1000", 'ENTRYPOINT ["/x"]\nUSER app:app\n# USER root', []),
    ],
)
def test_each_finding_in_a_dockerfile_stands_at_its_line(
    tmp_path: Path, old: str, new: str, expected: list[tuple[str, int]]
) -> None:
    assert old in DOCKERFILE
    assert broken_in_dockerfile(tmp_path, DOCKERFILE.replace(old, new)) == expected


def test_a_user_of_a_stage_that_another_begins_from_counts(tmp_path: Path) -> None:
    text = "FROM debian:12 AS base\nUSER app\nHEALTHCHECK CMD x\nFROM base\nRUN true\n"
    assert broken_in_dockerfile(tmp_path, text) == []
    assert broken_in_dockerfile(tmp_path, text.replace("FROM base", "FROM debian")) == [("4.1", 4), ("4.6", 4)]


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        (b"", 1, "no FROM"),
        (b"RUN x\nFROM a\n", 1, "before FROM"),
        (b"FROM a\nRUNN x\n", 2, "no instruction"),
        (b"FROM a\nRUN <<END\nx\n", 2, "here-document"),
        (b"FROM a\n# \xff\n", 2, "UTF-8"),
        (b"FROM\n", 1, "without an image"),
        (b"FROM a\n" + b"# x\n" * 300_000, 1, "bytes"),
        (b"version: '3'\n", 1, "no instruction"),
    ],
)
def test_what_is_no_dockerfile_is_said_with_its_line(content: bytes, line: int, what: str) -> None:
    with pytest.raises(DockerfileError, match=what) as why:
        read_dockerfile(content)
    assert why.value.line == line


def test_lines_are_continued_by_the_character_that_the_file_names() -> None:
    built = read_dockerfile(b"# escape=`\nFROM a\nRUN x `\n y\nCOPY C:\\ D:\\\n")
    assert [step.line for step in built.stages[0].steps] == [2, 3, 5]


def test_a_dockerfile_that_a_service_is_built_from_answers_for_its_image(tmp_path: Path) -> None:
    stack, built = tmp_path / "production.yml", tmp_path / "web" / "Dockerfile"
    built.parent.mkdir()
    built.write_text(DOCKERFILE)
    text = GOOD.replace("    user: www-data\n", "    build: ./web\n").replace(
        "    healthcheck:\n      test: [CMD, /healthy]\n", ""
    )
    stack.write_text(text)
    request = request_about_files(None, None, None, strict=False)
    for files, standing in (
        (GivenFiles((stack,), (), (built,)), "holds"),
        (GivenFiles((stack,)), "unknown"),
    ):
        judged = judge_files(files, request)
        states = file_states(judged, request.policy, request.now.date())
        mine = {s.entry.number: s.standing for s in states if s.node == str(stack)}
        assert (mine["4.1"], mine["4.6"], mine["5.27"]) == (standing,) * 3


def test_every_id_of_both_sections_is_in_the_table_for_each_file_that_says_it(tmp_path: Path) -> None:
    judged = judge_text(tmp_path, GOOD)
    for edition in ("1.6", "1.8"):
        request = request_about_files(None, edition, None, strict=False)
        numbers = [s.entry.number for s in file_states([judged], request.policy, request.now.date())]
        expected = [n.partition(":")[2] for n in ids_of_edition(edition) if n.partition(":")[2][0] in "45"]
        assert numbers == expected


def call(*words: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["cis", *map(str, words)])
    return (2, str(done.exception)) if isinstance(done.exception, UsageError) else (done.exit_code, done.output)


def test_the_command_ends_as_the_other_commands_do(tmp_path: Path) -> None:
    stack = tmp_path / "production.yml"
    for text, words, code in (
        (GOOD, (), 0),
        (GOOD.replace("    read_only: true\n", ""), (), 0),
        (GOOD.replace("    read_only: true\n", ""), ("--strict",), 1),
        (GOOD.replace("[ALL]", "[ALL]\n    privileged: true"), (), 1),
        (GOOD.replace("512M", "$MEMORY"), (), 4),
        (GOOD.replace("512M", "$MEMORY").replace("[ALL]", "[ALL]\n    privileged: true"), (), 4),
        ("services: [", (), 4),
        ("x: 1\n", (), 4),
        (GOOD, ("--node", "x"), 2),
        (GOOD, ("--dockerfile", tmp_path / "none"), 2),
        (GOOD, ("--edition", "1.7"), 2),
    ):
        stack.write_text(text)
        done, output = call("--stack", stack, *words)
        assert done == code, output
    assert call("--strict")[0] == 2


def test_findings_are_printed_as_compilers_do(tmp_path: Path) -> None:
    judged = judge_text(tmp_path, GOOD.replace("[ALL]", "[ALL]\n    privileged: true"))
    [line] = finding_lines([judged])
    assert line.startswith(f"{judged.path}:7: web is privileged")
    broken = judge_text(tmp_path, "services: [")
    assert [line.partition(": ")[2][:7] for line in finding_lines([broken])] == ["unknown"]


def test_an_inventory_brings_its_policy_and_waivers(tmp_path: Path) -> None:
    inventory, stack = tmp_path / "mine.yml", tmp_path / "production.yml"
    stack.write_text(GOOD.replace("    read_only: true\n", "    user: x\n").replace("    user: www-data\n", ""))
    plain = "nodes: {here: {connection: local}}\nservices: {none: x}\nbackups: {none: x}\ncertificates: {none: x}\n"
    inventory.write_text(plain + 'benchmark: {enforce: ["5.13"], registries: [ours/*]}\n')
    code, output = call("--hosts", inventory, "--stack", stack)
    assert (code, "web can change its own files" in output) == (1, True)
    waiver = "waivers: [{rule: 'cis:5.13', until: 2099-01-01, owner: Ada, because: soon}]\n"
    inventory.write_text(inventory.read_text() + waiver)
    code, output = call("--hosts", inventory, "--stack", stack)
    assert (code, "Ada, until 2099-01-01: soon" in output) == (0, True)
    inventory.write_text(plain + "benchmark: {none: another team}\n")
    assert call("--hosts", inventory, "--stack", stack)[0] == 2
    inventory.write_text(plain + "benchmark: {registries: [postgres]}\n")
    assert "web uses ours/web:1, which is none of" in call("--hosts", inventory, "--stack", stack)[1]


def test_sarif_names_file_and_line_in_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "deploy here").mkdir()
    monkeypatch.chdir(tmp_path)
    stack = Path("deploy here/production.yml")
    stack.write_text(GOOD.replace("[ALL]", "[ALL]\n    privileged: true").replace("memory: 512M, ", ""))
    assert call("--stack", stack, "--sarif", "out/files.sarif")[0] == 1
    [run] = json.loads(Path("out/files.sarif").read_text())["runs"]
    rows = [(r["ruleId"], r["level"], r["locations"][0]["physicalLocation"]) for r in run["results"]]
    location = {"uri": "deploy%20here/production.yml"}
    assert rows == [
        (
            "containers.cannot_gain_privileges",
            "error",
            {"artifactLocation": location, "region": {"startLine": 7}},
        ),
        ("containers.have_limits", "warning", {"artifactLocation": location, "region": {"startLine": 15}}),
    ]
    assert {r["id"] for r in run["tool"]["driver"]["rules"]} == {name for name, _, _ in rows}
    assert call("--stack", stack, "--stack", stack, "--sarif", "out/files.sarif")[0] == 1
    assert json.loads(Path("out/files.sarif").read_text())["runs"][0]["results"] == run["results"]
    assert run["results"][0]["properties"]["cis"] == ["1.6:5.5", "1.8:5.5"]
    assert run["invocations"][0]["executionSuccessful"] is True
    stack.write_text("services: [")
    assert call("--stack", stack, "--sarif", "out/files.sarif")[0] == 4
    [run] = json.loads(Path("out/files.sarif").read_text())["runs"]
    assert run["invocations"][0]["executionSuccessful"] is False


def test_a_file_that_is_too_large_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "production.yml"
    path.write_bytes(b"#" * (5 * 1024 * 1024))
    assert len(bounded_content(path)) == 1024 * 1024 + 1
    assert call("--stack", path)[0] == 4
    assert call("--dockerfile", path)[0] == 4


def test_json_has_the_table(tmp_path: Path) -> None:
    stack = tmp_path / "production.yml"
    stack.write_text(GOOD)
    document = json.loads(call("--stack", stack, "--json")[1])
    assert {row["section"] for row in document["ids"]} == {"4", "5"}
    assert {row["node"] for row in document["ids"]} == {"", str(stack)}
