"""Host keys are kept when a person has compared them, and never otherwise: against real sshd on this machine."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.commands.host_key_trust import TrustSession, edit_known_hosts
from fleetkeeper.commands.main import cli
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.topics.registry import load_inventory
from fleetkeeper.transport.pool import Links
from fleetkeeper.transport.ssh.known_hosts import parse
from tests.helpers.sshd import Sshd, make_key_pair, public_key, run_sshd

NOWHERE = "UserKnownHostsFile /dev/null\nGlobalKnownHostsFile /dev/null\nHost *\n"


class TrustScene:
    """One server, an inventory beside which nothing is known yet, and what was said."""

    def __init__(self, folder: Path, server: Sshd) -> None:
        self.folder, self.server, self.said = folder, server, list[str]()
        self.config = folder / "ssh_config"
        self.config.write_text(NOWHERE)
        self.known_hosts = folder / "known_hosts"
        node = f"{{address: 127.0.0.1, port: {server.port}, user: {server.user}, identity: {server.identity}}}"
        sections = "".join(f"{name}: {{none: a test}}\n" for name in ("services", "backups", "certificates"))
        (folder / "mine.yml").write_text(f"nodes:\n  db: {node}\n{sections}")

    @property
    def inventory(self) -> Inventory:
        return load_inventory(self.folder / "mine.yml")

    def trust(self, *answers: str, fingerprints: tuple[str, ...] = ()) -> bool:
        """Trust the node, answering at the terminal so; without answers there is none."""
        given = list(answers)
        ask = (lambda question: (self.said.append(question), given.pop(0))[1]) if answers else None
        return TrustSession(self.inventory, self.said.append, ask, fingerprints, str(self.config)).all(())

    def reached(self) -> bool:
        with Links(self.inventory, str(self.config)) as links:
            return links.to(self.inventory.nodes["db"]) is not None

    @property
    def fingerprints(self) -> list[str]:
        """The fingerprints of the server's keys, as ssh-keygen prints them."""
        return [shown_text(path) for path in sorted(self.server.folder.glob("host_*.pub"))]


def shown_text(path: Path) -> str:
    return subprocess.run(("ssh-keygen", "-lf", path), capture_output=True, text=True, check=True).stdout.split()[1]


@pytest.fixture
def trust_scene(tmp_path: Path) -> Iterator[TrustScene]:
    with run_sshd(tmp_path / "sshd", kinds=("ed25519", "ecdsa")) as server:
        yield TrustScene(tmp_path, server)


def test_case_12_keys_are_shown_as_ssh_keygen_shows_them_and_kept_after_a_yes(trust_scene: TrustScene) -> None:
    assert trust_scene.trust("yes")
    for fingerprint in trust_scene.fingerprints:
        assert fingerprint in "\n".join(trust_scene.said)
    assert trust_scene.reached()


def test_case_12_nothing_is_kept_without_a_yes(trust_scene: TrustScene) -> None:
    assert not trust_scene.trust("no")
    assert not trust_scene.trust("y")
    assert not trust_scene.known_hosts.exists()


def test_case_12_nothing_is_kept_where_nobody_can_be_asked(trust_scene: TrustScene) -> None:
    assert not trust_scene.trust()
    assert not trust_scene.known_hosts.exists()
    assert "--fingerprint" in trust_scene.said[-2]


def test_a_named_fingerprint_is_trusted_and_no_other_key(trust_scene: TrustScene) -> None:
    [expected, other] = trust_scene.fingerprints
    assert trust_scene.trust(fingerprints=(expected,))
    assert expected in trust_scene.said[1] or expected in trust_scene.said[2]
    assert len(trust_scene.known_hosts.read_text().splitlines()) == 1
    assert trust_scene.reached()
    assert other != expected


def test_a_fingerprint_that_the_node_does_not_show_trusts_nothing(trust_scene: TrustScene) -> None:
    assert not trust_scene.trust(fingerprints=("SHA256:" + "A" * 43,))
    assert not trust_scene.known_hosts.exists()


def test_a_trusted_node_is_left_alone(trust_scene: TrustScene) -> None:
    trust_scene.trust("yes")
    before = trust_scene.known_hosts.read_bytes()
    assert trust_scene.trust()
    assert trust_scene.known_hosts.read_bytes() == before


def known_as_another(trust_scene: TrustScene) -> str:
    """Write down another key for the server. Returns its fingerprint."""
    other = make_key_pair(trust_scene.folder / "other")
    line = f"[127.0.0.1]:{trust_scene.server.port} {public_key(other)}\n"
    trust_scene.known_hosts.write_text(f"# ours\nweb.example.org {public_key(other)}\n{line}")
    return shown_text(other.with_suffix(".pub"))


def test_case_11_a_changed_key_is_shown_with_the_known_one_and_stays_after_a_yes(trust_scene: TrustScene) -> None:
    old = known_as_another(trust_scene)
    before = trust_scene.known_hosts.read_bytes()
    assert not trust_scene.trust("yes")
    text = "\n".join(trust_scene.said)
    assert old in text
    assert all(fingerprint in text for fingerprint in trust_scene.fingerprints)
    assert trust_scene.known_hosts.read_bytes() == before


def test_case_11_a_changed_key_is_never_replaced_without_a_terminal(trust_scene: TrustScene) -> None:
    known_as_another(trust_scene)
    before = trust_scene.known_hosts.read_bytes()
    assert not trust_scene.trust(fingerprints=tuple(trust_scene.fingerprints))
    assert trust_scene.known_hosts.read_bytes() == before


def test_case_11_a_changed_key_is_replaced_when_the_nodes_name_is_typed(trust_scene: TrustScene) -> None:
    known_as_another(trust_scene)
    assert trust_scene.trust("db")
    text = trust_scene.known_hosts.read_text()
    assert text.startswith("# ours\nweb.example.org ")
    assert len(list(parse(text))) == 3
    assert trust_scene.reached()


def test_a_node_that_does_not_answer_is_said_and_nothing_is_kept(trust_scene: TrustScene) -> None:
    trust_scene.server.stop()
    assert not trust_scene.trust("yes")
    assert "refused" in trust_scene.said[0]
    assert not trust_scene.known_hosts.exists()


def test_yes_without_a_fingerprint_is_refused(trust_scene: TrustScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trust_scene.folder)
    ran = CliRunner().invoke(cli, ["trust", "--hosts=./mine.yml", "--yes"])
    assert ran.exit_code == 1
    assert "--fingerprint" in str(ran.exception)
    assert not trust_scene.known_hosts.exists()


def test_hosts_that_no_inventory_has_are_kept_beside_the_one_that_will_be(
    trust_scene: TrustScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trust_scene.folder)
    words = [word for print_ in trust_scene.fingerprints for word in ("--fingerprint", print_)]
    host = f"{trust_scene.server.user}@127.0.0.1:{trust_scene.server.port}"
    ran = CliRunner().invoke(cli, ["trust", host, "--yes", *words])
    assert ran.exit_code == 0, ran.output
    assert trust_scene.reached()


def test_at_a_terminal_a_person_is_asked(trust_scene: TrustScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trust_scene.folder)
    ours, theirs = pty.openpty()
    words = (
        sys.executable,
        "-m",
        "fleetkeeper.commands.main",
        "trust",
        f"{trust_scene.server.user}@127.0.0.1:{trust_scene.server.port}",
    )
    child = subprocess.Popen(words, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    os.write(ours, b"yes\n")
    text, _ = child.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert child.returncode == 0, text
    assert "Are these the keys" in text
    assert trust_scene.reached()


@given(st.lists(st.sampled_from(["a 1", "b 2", "# c", ""]), max_size=6), st.sets(st.integers(1, 6)))
def test_lines_that_are_not_meant_stay_as_they_are(lines: list[str], gone: set[int]) -> None:
    after = edit_known_hosts("\n".join(lines).encode(), gone, ["z 9"]).decode()
    kept = [line for number, line in enumerate(lines, 1) if number not in gone and line]
    assert [line for line in after.splitlines() if line] == [*kept, "z 9"]
    assert after.endswith("z 9\n")
