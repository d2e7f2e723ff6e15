"""Other login shells, accounts without root, and connections of testinfra's own."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from testinfra.backend.base import CommandResult

from fleetkeeper.inventory.schema import Node
from fleetkeeper.transport.commands import Command, Unobservable
from fleetkeeper.transport.local import LocalLink
from fleetkeeper.transport.pool import Links
from fleetkeeper.transport.round_trip import TOO_MUCH
from fleetkeeper.transport.ssh.paramiko_link import ShellChannel
from fleetkeeper.transport.testinfra import TestinfraLink, split_batches
from fleetkeeper.transport.writing import WritingLink, writing_link
from tests.helpers.ssh_links import links_to, make_inventory, refusal_of, shell_command
from tests.helpers.sshd import run_sshd

SHELLS = [
    pytest.param(shell, marks=pytest.mark.skipif(not shutil.which(shell), reason=f"no {shell} here"))
    for shell in ("fish", "tcsh", "dash", "bash")
]


@pytest.mark.parametrize("shell", SHELLS)
def test_case_84_any_login_shell_will_do(tmp_path, shell):
    """ForceCommand stands in for the login shell: it is given the very words that sshd would give to that one."""
    wrapper = tmp_path / "shell"
    wrapper.write_text(f'#!/bin/sh\nexec {shutil.which(shell)} -c "$SSH_ORIGINAL_COMMAND"\n')
    wrapper.chmod(0o755)
    with run_sshd(tmp_path / "sshd", options=[f"ForceCommand {wrapper}"]) as server:
        node = server.node()
        with links_to(server, node) as links:
            assert links.to(node).ask([Command(("echo", "a b $HOME 'c'"))])[0].out == b"a b $HOME 'c'\n"
            with writing_link(links.to(node)).open(("cat",)) as stream:
                stream.write(b"data")
                stream.close_write()
                assert stream.read() == b"data"


def test_case_16_banner_motd_and_noise_are_ignored(tmp_path):
    (tmp_path / "banner").write_text("You are being watched\n")
    noisy = tmp_path / "noisy"
    noisy.write_text("#!/bin/sh\necho Welcome; echo noise >&2; printf 'no end of line'\nexec /bin/sh\n")
    noisy.chmod(0o755)
    options = [f"Banner {tmp_path}/banner", f"ForceCommand {noisy}"]
    with run_sshd(tmp_path / "sshd", options=options) as server:
        for connection in ("", "ssh"):
            node = server.node(connection=connection)
            with links_to(server, node) as links:
                [answer] = links.to(node).ask([Command(("echo", "answer"))])
                assert (answer.out, answer.err) == (b"answer\n", b"")
                with writing_link(links.to(node)).open(("echo", "stream")) as stream:
                    assert stream.read() == b"stream\n"


@pytest.mark.skipif(not shutil.which("busybox"), reason="no BusyBox here")
@pytest.mark.parametrize("connection", ["", "ssh"])
def test_a_node_whose_timeout_is_busybox_is_never_lost(tmp_path, monkeypatch, connection):
    """FOREIGN W10: its usage error ends the session, before our script is sent or after, and another shell is tried."""
    applets = tmp_path / "applets"
    applets.mkdir()
    for name in ("timeout", "sh", "echo"):
        (applets / name).symlink_to(str(shutil.which("busybox")))
    send, late = ShellChannel.send, iter([0.0, 0.05] * 10)
    monkeypatch.setattr(ShellChannel, "send", lambda self, *given: (time.sleep(next(late, 0.0)), send(self, *given)))
    options = [f"SetEnv PATH={applets}:/usr/bin:/bin HOME={tmp_path}"]
    with run_sshd(tmp_path / "sshd", options=options) as server:
        node = server.node(connection=connection)
        for _ in range(10 if connection == "" else 3):
            with links_to(server, node) as links:
                answers = links.to(node).ask([Command(("echo", "hello")), Command(("sh", "-c", "timeout -t 2>&1"))])
                assert [answer.lost for answer in answers] == ["", ""]
                assert answers[0].out == b"hello\n"
                assert b"BusyBox" in answers[1].out


def test_an_account_without_a_shell_is_said(tmp_path):
    with run_sshd(tmp_path, options=["ForceCommand echo This account is currently not available.; exit 1"]) as server:
        node = server.node()
        with links_to(server, node) as links, pytest.raises(Unobservable, match="This account is currently not avail"):
            links.to(node).ask([Command(("true",))])


# Root


def test_root_needs_no_sudo(monkeypatch):
    if os.getuid():
        pytest.skip("not root")
    [answer] = LocalLink(sudo=True).ask([Command(("env", "-i", "sh", "-c", "id -u"), sudo=True)])
    assert (answer.rc, answer.out, answer.err) == (0, b"0\n", b"")


@pytest.fixture
def as_nobody(tmp_path, monkeypatch) -> WritingLink:
    """This machine, seen by an account that is not root, with a sudo of our own on its PATH."""
    if os.getuid() or not shutil.which("setpriv"):
        pytest.skip("needs root and setpriv")
    tmp_path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    setpriv = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/bin/sh", "-c")
    monkeypatch.setattr("fleetkeeper.transport.local.LOGIN", setpriv)
    for path in (tmp_path, *tmp_path.parents):
        if path.is_relative_to("/tmp") and path != Path("/tmp"):
            path.chmod(path.stat().st_mode | 0o111)
    return LocalLink(sudo=True)


def fake_sudo(folder: Path, script: str) -> None:
    (folder / "sudo").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "sudo").chmod(0o755)


def test_case_18_sudo_that_wants_a_password_is_unknown_and_says_which_right_is_missing(as_nobody, tmp_path):
    fake_sudo(tmp_path, "echo 'sudo: a password is required' >&2; exit 1")
    refused, plain = as_nobody.ask([Command(("id",), sudo=True), Command(("echo", "plain"))])
    assert refused.rc is None
    with pytest.raises(Unobservable) as why:
        refused.text(ok={0, 1})
    assert "NOPASSWD" in why.value.hint
    assert plain.out == b"plain\n"


@pytest.mark.parametrize("said", ["sudo: a password is required", "this is no question that the helper knows"])
def test_case_18_a_helper_that_is_missing_or_old_is_unknown_and_says_how_it_is_written_anew(as_nobody, tmp_path, said):
    fake_sudo(tmp_path, f"echo '{said}' >&2; exit 1")
    as_nobody.sudo = "audit"
    [refused] = as_nobody.ask([Command(("id",), sudo=True)])
    with pytest.raises(Unobservable, match=f"/usr/local/sbin/fleetkeeper-look: {said}") as why:
        refused.text(ok={0, 1})
    assert "fleetkeeper sudoers ACCOUNT" in why.value.hint


def test_case_84_an_operator_without_root_uses_sudo_without_ever_being_asked(as_nobody, tmp_path):
    fake_sudo(tmp_path, '[ "$1 $2" = "-n --" ] || exit 9; shift 2; echo "sudo: unable to resolve host" >&2; exec "$@"')
    root, own, failing = as_nobody.ask(
        [
            Command(("sh", "-c", "echo $LC_ALL; echo err >&2"), sudo=True),
            Command(("id", "-u")),
            Command(("sh", "-c", "exit 1"), sudo=True),
        ]
    )
    assert (root.rc, root.out, root.err) == (0, b"C\n", b"err\n")
    assert own.out == b"65534\n"
    assert failing.rc == 1


def test_without_sudo_in_the_inventory_nothing_runs_as_root(as_nobody, tmp_path):
    fake_sudo(tmp_path, "echo never >&2; exit 1")
    [answer] = LocalLink(sudo=False).ask([Command(("id", "-u"), sudo=True)])
    assert (answer.rc, answer.out) == (0, b"65534\n")


def test_a_stream_that_sudo_refuses_is_not_started(as_nobody, tmp_path):
    fake_sudo(tmp_path, "echo 'sudo: a password is required' >&2; exit 1")
    with pytest.raises(Unobservable, match="a password is required"):
        as_nobody.open(("cat",), sudo=True)


# Other connections of testinfra


def test_any_connection_of_testinfra_gives_the_same_answers():
    local = Node(name="node", connection="local").model_copy(update={"connection": "local://"})
    with Links(make_inventory(local)) as links:
        link = links.to(local)
        assert isinstance(link, TestinfraLink)
        first, hung, last = link.ask(
            [
                shell_command("echo out; echo err >&2; exit 255"),
                shell_command("sleep 68.8", limit=1),
                shell_command("echo 3"),
            ]
        )
    assert (first.rc, first.out, first.err) == (255, b"out\n", b"err\n")
    assert (hung.rc, hung.lost, last.out) == (None, "time limit of 1 s", b"3\n")


def test_case_17_any_connection_of_testinfra_cuts_what_does_not_fit():
    flood = shell_command("yes; yes >&2", limit=20)
    first, much, last = TestinfraLink("local://", False).ask(
        [shell_command("echo 1"), flood, shell_command("echo 3")], room=1 << 20
    )
    assert (first.out, much.rc, much.lost, last.out) == (b"1\n", None, TOO_MUCH, b"3\n")


@pytest.mark.parametrize("flood", ["yes", "yes >&2", "yes & yes >&2", "trap '' PIPE; yes; exit 5"])
def test_any_connection_of_testinfra_cuts_each_answer_on_the_node(flood):
    commands = [
        shell_command("echo 1; echo e >&2; exit 7"),
        shell_command(flood, limit=20, most=1 << 20),
        shell_command("echo 3; exit 9"),
    ]
    link = TestinfraLink("local://", False)
    came: list[int] = []
    feed = link.host.backend.run
    link.host.backend.run = lambda *words: count_lines(feed(*words), came)
    first, much, last = link.ask(commands)
    assert (first.rc, first.out, first.err) == (7, b"1\n", b"e\n")
    assert (much.rc, much.lost) == (None, "its answer is larger than 1 MiB")
    assert (last.rc, last.out) == (9, b"3\n")
    assert sum(came) < 2 * (1 << 20) + 4096


def count_lines(result: CommandResult, came: list[int]) -> CommandResult:
    came.append(len(result.stdout_bytes) + len(result.stderr_bytes))
    return result


def test_a_script_that_is_too_long_for_one_argument_is_cut_in_batches():
    commands = [Command(("printf", "%s", "x" * 30_000)) for _ in range(10)]
    assert sum(len(batch) for batch in split_batches(commands, False)) == 10
    assert [len(answer.out) for answer in TestinfraLink("local://", False).ask(commands)] == [30_000] * 10


def test_a_connection_that_testinfra_does_not_know_is_unknown():
    with Links(
        make_inventory(Node(name="node", connection="local").model_copy(update={"connection": "carrier-pigeon://x"}))
    ) as links:
        assert "carrier-pigeon" in str(refusal_of(links))


def test_a_connection_that_cannot_be_made_is_unknown(tmp_path, monkeypatch):
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\necho 'Error: No such container: gone' >&2; exit 1\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    node = Node(name="node", connection="docker://gone")
    with Links(make_inventory(node)) as links, pytest.raises(Unobservable, match="No such container"):
        links.to(node).ask([Command(("true",))])
