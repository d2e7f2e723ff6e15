"""A real audit, and what it leaves: results.json by its schema, annotations, pings, what changed, no colour codes."""

from __future__ import annotations

import gzip
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetkeeper.reports.results_schema import ADAPTER, results_schema
from tests.programs.reports.test_heartbeat import Watcher
from tests.programs.test_pytest_plugin import INVENTORY, NAMES, TOPIC, checks_of
from tests.recorded_lab import FOLDER


@pytest.fixture
def audit(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Run an audit of this machine by promises with each outcome, in a process of its own."""
    monkeypatch.setenv("FLEETKEEPER_STATE", str(pytester.path / "state"))
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    pytester.makefile(".py", promises=TOPIC)
    pytester.makefile(".yml", mine=INVENTORY)
    checks = checks_of(NAMES)
    pytester.makepyfile(test_promises=checks)

    def run(*arguments: str) -> pytest.RunResult:
        return pytester.runpytest_subprocess("--hosts=./mine.yml", "-p", "no:cacheprovider", *arguments)

    return run


def results_of(pytester: pytest.Pytester) -> dict:
    return json.loads((pytester.path / "state/audits/mine/results.json").read_text())


def test_results_json_is_as_its_published_schema_says(audit, pytester: pytest.Pytester) -> None:
    ran = audit("--junitxml=audit.xml")
    written = (pytester.path / "state/audits/mine/results.json").read_text()
    document = ADAPTER.validate_json(written)
    assert {item["outcome"] for item in document["items"]} == {
        "holds", "finding", "unknown", "not_applicable", "waived"
    }  # fmt: skip
    for spoil in ({"schema": 2}, {"run": {}}, {"more": 1}, {"items": [{}]}):
        with pytest.raises(ValueError, match="validation error"):
            ADAPTER.validate_json(json.dumps({**document, **spoil}))
    text = ran.stdout.str() + ran.stderr.str()
    assert "\x1b[" not in text, "no colour codes where there is no terminal"
    assert "::error" not in text, "no annotations outside a workflow"
    assert "<testsuite" in (pytester.path / "audit.xml").read_text()


def test_every_key_of_the_schema_is_explained() -> None:
    parts = [*results_schema()["$defs"].values(), results_schema()]
    dumb = [
        f"{part.get('title')}.{key}"
        for part in parts
        for key, value in part["properties"].items()
        if "$ref" not in value and not value.get("description")
    ]
    assert dumb == []


def test_the_second_audit_says_what_is_new_gone_and_old(audit, pytester: pytest.Pytester) -> None:
    assert "since the audit before" not in audit().stdout.str()
    topic = pytester.path / "promises.py"
    mended = 'yield Finding("an old wart"'
    topic.write_text(TOPIC.replace('"goodbye"', '"so long"').replace(mended, f"return\n    {mended}"))
    text = audit().stdout.str()
    assert "- since the audit before -" in text
    assert "2 new, 4 gone" in text
    [changes] = results_of(pytester)["changes"]
    assert changes["previous"]
    assert {change["rule"] for change in changes["new"]} == {"promises.is_wrong"}
    assert {item["rule"] for item in changes["gone"]} == {"promises.is_wrong", "promises.has_expired"}


def test_a_saved_look_is_no_new_audit(audit, pytester: pytest.Pytester) -> None:
    audit("--record=look.json")
    audit("--replay=look.json")
    assert results_of(pytester)["changes"] == []
    audit()
    assert results_of(pytester)["changes"][0]["new"] == []


def test_in_a_workflow_findings_are_annotations_and_the_runner_is_deaf_before(
    audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    lines = audit("-k", "is_wrong or is_unknown").stdout.lines
    deaf = next(number for number, line in enumerate(lines) if line.startswith("::stop-commands::"))
    listening = lines.index(f"::{lines[deaf].removeprefix('::stop-commands::')}::")
    errors = [number for number, line in enumerate(lines) if line.startswith("::error ")]
    shown = next(number for number, line in enumerate(lines) if "hello \\x1b[31m<script>" in line)
    assert deaf < shown < listening < min(errors)
    assert "nobody can tell" in "".join(lines[number] for number in errors)


@pytest.fixture
def watched(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watcher]:
    """An inventory with a heartbeat, and a check for every rule there is."""
    watcher = Watcher()
    monkeypatch.setenv("BEAT", watcher.url("healthchecks"))
    monkeypatch.setenv("FLEETKEEPER_STATE", str(pytester.path / "state"))
    local = INVENTORY.partition("topics:")[0].replace("  there: {address: 127.0.0.1, port: 1}\n", "")
    pytester.makefile(".yml", mine=f"{local}heartbeat: BEAT\n")
    checks = Path(__file__).parents[3] / "checks"
    for path in checks.glob("test_*.py"):
        (pytester.path / path.name).write_text(path.read_text())
    yield watcher
    watcher.server.shutdown()
    watcher.server.server_close()


def test_a_whole_audit_is_a_heartbeat(watched: Watcher, pytester: pytest.Pytester) -> None:
    ran = pytester.runpytest_subprocess("--hosts=./mine.yml", "-p", "no:cacheprovider")
    ends = [path.rpartition("/")[2] for _, path, _, _ in watched.heard]
    assert ends[0] == "start"
    assert (ends[1] == "fail") == (ran.ret != 0)
    assert watched.url("healthchecks") not in ran.stdout.str()


def test_under_xdist_the_end_is_told(watched: Watcher, pytester: pytest.Pytester) -> None:
    pytester.runpytest_subprocess("--hosts=./mine.yml", "-p", "no:cacheprovider", "-n", "2")
    [(_, path, query, _)] = watched.heard
    assert path.rpartition("/")[2] != "start"
    assert query["rid"]


def test_a_part_of_an_audit_is_none(watched: Watcher, pytester: pytest.Pytester) -> None:
    pytester.runpytest_subprocess("--hosts=./mine.yml", "-p", "no:cacheprovider", "-k", "can_be_looked_at")
    pytester.runpytest_subprocess("--hosts=./mine.yml", "-p", "no:cacheprovider", "--limit=here")
    pytester.runpytest_subprocess("--hosts=./mine.yml", "-p", "no:cacheprovider", "--collect-only")
    pytester.runpytest_subprocess("--hosts=./mine.yml", "-p", "no:cacheprovider", "--quick")
    text = (pytester.path / "mine.yml").read_text()
    pytester.makefile(".yml", mine=text.replace("nodes:", "nodes:\n  there: {address: 127.0.0.1, port: 1}"))
    of_this_one = "test_nodes.py::test_can_be_looked_at[there]"  # its rule is judged, about the other node
    pytester.runpytest_subprocess("--hosts=./mine.yml", "-p", "no:cacheprovider", "--deselect", of_this_one)
    assert watched.heard == []


def test_an_audit_whose_check_somebody_skips_does_not_end_well(watched: Watcher, pytester: pytest.Pytester) -> None:
    skipping = "def pytest_runtest_setup(item):\n    if 'can_be_looked' in item.name: pytest.skip('not today')\n"
    pytester.makepyfile(skips_a_check=f"import pytest\n\n{skipping}")
    ran = pytester.runpytest_subprocess("--hosts=./mine.yml", "-p", "no:cacheprovider", "-p", "skips_a_check", "-rs")
    ran.stdout.fnmatch_lines(["SKIPPED*not today*"])
    assert [path.rpartition("/")[2] for _, path, _, _ in watched.heard] == ["start", "fail"]


def test_a_watcher_that_is_gone_changes_no_verdict(
    watched: Watcher, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = pytester.runpytest_subprocess("--hosts=./mine.yml", "-p", "no:cacheprovider")
    monkeypatch.setenv("BEAT", "http://127.0.0.1:1/nobody")
    second = pytester.runpytest_subprocess("--hosts=./mine.yml", "-p", "no:cacheprovider")
    assert second.ret == first.ret
    second.stdout.fnmatch_lines(["heartbeat: nobody was notified*"])


@pytest.mark.long
def test_watchers_that_hang_delay_an_audit_of_several_inventories_five_seconds_in_all(
    watched: Watcher, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("two", "three"):
        (pytester.path / f"{name}.yml").write_text((pytester.path / "mine.yml").read_text())
    call = ("--hosts=./mine.yml,./two.yml,./three.yml", "-p", "no:cacheprovider")
    usual = pytester.runpytest_subprocess(*call).duration
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("BEAT", f"http://127.0.0.1:{silent.getsockname()[1]}/x")
        hanging = pytester.runpytest_subprocess(*call)
    assert hanging.stdout.str().count("no answer within 5 s") == 3
    assert hanging.duration < usual + 5 + 2


def test_a_first_night_is_told_in_forty_lines_and_with_v_in_full(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its inventory is without a benchmark, which `init` writes as comments. The look lacks what came after it."""
    monkeypatch.setenv("FLEETKEEPER_STATE", str(pytester.path / "state"))
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    inventory = (Path(__file__).parents[3] / "inventories/lab.yml").read_text()
    younger = r"^(?:benchmark|queues|gpus):.*\n(?: .*\n)*|^  (?:rabbitmq|py3-celery|gpu-celery): .*\n"
    first = re.sub(younger, "", inventory, flags=re.MULTILINE)
    (pytester.path / "lab.yml").write_text(first.replace("../.lab/ca.pem", str(FOLDER / "ca.pem")))
    (pytester.path / "look.json").write_bytes(gzip.decompress((FOLDER / "A.json.gz").read_bytes()))
    words = ("--hosts=./lab.yml", "--replay=look.json", "-p", "no:cacheprovider")
    lines = pytester.runpytest_subprocess(*words).stdout.lines
    progress = re.compile(r"test_\w+\.py ")  # pytest's own, one for each topic
    assert len([line for line in lines if "was not looked at" not in line and not progress.match(line)]) <= 28
    top = lines[lines.index("") + 1 :]
    top = top[top.index("") + 1 :][:4]
    assert top[0].startswith("postgres: the newest complete backup is 3 d 8 h old: ")
    assert top[1] == "nothing on vgpu runs `backup` in rodan_postgres, which runs there"
    assert top[3].startswith("---")
    full = pytester.runpytest_subprocess(*words, "-v").stdout.str()
    assert full.count("\n  why   ") > 9
    assert "\n  judge " in full
