"""`fleetkeeper facts`: what was seen of a node is shown, and nothing is judged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fleetkeeper.commands.main import main
from fleetkeeper.exit_codes import Exit
from tests.programs.test_checks import INVENTORY, TOPIC


@pytest.fixture
def facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    """Run the command on this machine and one that does not answer: its exit status, and both outputs."""
    (tmp_path / "greetings.py").write_text(TOPIC)
    (tmp_path / "mine.yml").write_text(INVENTORY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLEETKEEPER_STATE", str(tmp_path / "state"))

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["fleetkeeper", "facts", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capfd.readouterr()

    return run


def test_the_facts_of_a_topic_are_shown_as_json_with_secrets_struck_out(facts) -> None:
    rc, out, _ = facts("a/greetings", "--hosts=./mine.yml")
    title, _, fields = out.partition("\n")
    assert (rc, title) == (0, "a/greetings")
    assert json.loads(fields)["said"].endswith(" hello\n")
    assert "hunter2" not in out


def test_all_topics_of_a_node_are_shown_and_no_other_node_s(facts) -> None:
    rc, out, _ = facts("a", "--hosts=./mine.yml")
    titles = [line for line in out.split("\n") if line.startswith(("a/", "b/"))]
    assert rc == 0
    assert {"a/nodes", "a/greetings"} <= {title.split(" ")[0] for title in titles}
    assert all(title.startswith("a/") for title in titles)


def test_what_could_not_be_seen_is_shown_with_its_reason(facts) -> None:
    rc, out, _ = facts("b/greetings", "--hosts=./mine.yml")
    assert out.startswith("b/greetings could not be seen\n")
    assert json.loads(out.partition("\n")[2])["why"]
    assert rc == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("c", "--hosts=./mine.yml"), "mine has no node 'c'"),
        (("a/greeting", "--hosts=./mine.yml"), 'did you mean "greetings"?'),
        (("a", "--hosts=./other.yml"), "other.yml"),
        (("a",), "--hosts"),
    ],
)
def test_a_name_of_nothing_is_a_usage_error_that_names_what_there_is(facts, words: tuple[str, ...], said: str) -> None:
    rc, out, err = facts(*words)
    assert (rc, out) == (Exit.USAGE, "")
    assert said in err


def test_no_audit_is_remembered(facts, tmp_path: Path) -> None:
    facts("a/greetings", "--hosts=./mine.yml")
    assert not (tmp_path / "state/last_audited").exists()
    assert not (tmp_path / "state/audits").exists()
