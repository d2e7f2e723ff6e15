"""Asking over every kind of link, streams, and how both end: against a real sshd and this machine's shells."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fleetkeeper.inventory.schema import Node
from fleetkeeper.transport import processes, round_trip
from fleetkeeper.transport.commands import Command, Unobservable
from fleetkeeper.transport.link import MOST_OUTPUT, Link
from fleetkeeper.transport.pool import Links
from fleetkeeper.transport.testinfra import TestinfraLink
from fleetkeeper.transport.writing import WritingLink, writing_link
from tests.helpers.ssh_links import links_to, make_inventory, shell_command, silent_port
from tests.helpers.sshd import Sshd, pids_of, process_gone, run_sshd

ROOT = Path(__file__).parents[3]
KINDS = ("own", "ssh", "local")


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that are told to leave get less time for it than outside of tests."""
    monkeypatch.setattr(processes, "LEAVE", 2.0)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with run_sshd(tmp_path_factory.mktemp("sshd"), options=["MaxSessions 30", "MaxStartups 100"]) as running:
        yield running


@pytest.fixture(scope="module")
def all_links(server: Sshd) -> Iterator[dict[str, WritingLink]]:
    """The same machine over each kind of link."""
    connections = {"own": "", "ssh": "ssh", "local": "local"}
    nodes = [server.node(kind, sudo=True, connection=connections[kind]) for kind in KINDS]
    with links_to(server, *nodes) as links:
        yield {node.name: writing_link(links.to(node)) for node in nodes}


@pytest.fixture(params=KINDS)
def link(request: pytest.FixtureRequest, all_links: dict[str, WritingLink]) -> WritingLink:
    """One kind of link after the other."""
    return all_links[request.param]


def on_all(links: dict[str, WritingLink], check: Callable[[WritingLink], None]) -> None:
    """A check that mostly waits, on all kinds of links side by side; the first failure is raised."""
    with ThreadPoolExecutor(len(links)) as pool:
        for done in [pool.submit(check, link) for link in links.values()]:
            done.result()


# Asking


def test_each_command_has_its_own_answer(link):
    first, second, third = link.ask(
        [shell_command("echo out; echo err >&2"), shell_command("exit 3"), Command(("echo", "third"))]
    )
    assert (first.rc, first.out, first.err) == (0, b"out\n", b"err\n")
    assert (second.rc, third.out) == (3, b"third\n")


def test_nothing_asked_is_nothing_answered(link):
    assert link.ask([]) == []


def test_case_15_exit_status_255_is_no_failure_of_ssh(link):
    [answer] = link.ask([shell_command("exit 255")])
    assert answer.rc == 255
    assert not answer.lost


def test_any_bytes_come_through(link):
    octal = "".join(f"\\{byte:03o}" for byte in range(256))
    [answer] = link.ask([Command(("printf", octal))])
    assert answer.out == bytes(range(256))


def test_case_2_words_are_words(link, tmp_path):
    canary = tmp_path / "canary"
    hostile = f"$(touch {canary}); touch {canary}\n`touch {canary}`"
    [answer] = link.ask([Command(("printf", "%s", hostile))])
    assert answer.out.decode() == hostile
    assert not canary.exists()


def test_the_controllers_clock_stands_around_the_round_trip(link):
    before = time.time()
    [answer] = link.ask([Command(("true",))])
    assert before <= answer.sent <= answer.received <= time.time()


def test_a_lot_of_output_on_both_streams_does_not_stall(link):
    script = "head -c 5000000 /dev/zero; head -c 5000000 /dev/zero >&2; head -c 5000000 /dev/zero"
    [answer] = link.ask([shell_command(script)])
    assert (len(answer.out), len(answer.err), answer.rc) == (10_000_000, 5_000_000, 0)


def test_a_long_script_goes_through(link):
    commands = [Command(("printf", "%s", "x" * 100_000)) for _ in range(20)]
    assert [len(answer.out) for answer in link.ask(commands)] == [100_000] * 20


def test_case_14_a_hung_command_costs_only_its_own_facts(all_links):
    def check(link: WritingLink) -> None:
        before = time.monotonic()
        commands = [Command(("echo", "1")), Command(("sleep", "61.1"), limit=1), Command(("echo", "3"))]
        first, hung, last = link.ask(commands)
        assert (first.out, hung.rc, hung.lost, last.out) == (b"1\n", None, "time limit of 1 s", b"3\n")
        assert time.monotonic() - before < 8

    on_all(all_links, check)
    assert process_gone("61.1")


def test_an_exit_status_of_124_is_no_time_limit(link):
    first, last = link.ask([shell_command("exit 124"), Command(("echo", "3"))])
    assert (first.rc, first.lost, last.out) == (124, "", b"3\n")


@pytest.mark.parametrize("up", [1, 2], ids=["the shell", "its timeout"])
def test_a_command_that_takes_the_shell_with_it_costs_only_its_own_facts(link, up):
    killer = shell_command(f"p=$$; for up in {'x ' * up}; do p=$(($(ps -o ppid= -p $p))); done; kill -9 $p; sleep 0.5")
    first, killed, last = link.ask([Command(("echo", "1")), killer, Command(("echo", "3"))])
    assert (first.out, last.out) == (b"1\n", b"3\n")
    assert (killed.rc, killed.out) in ((None, b""), (0, b""))
    assert up > 1 or "connection was lost" in killed.lost


def test_a_command_has_its_own_limit_however_long_others_took(all_links):
    def check(link: WritingLink) -> None:
        before = time.monotonic()
        slow, hung, last = link.ask(
            [
                shell_command("sleep 1.5", limit=2),
                shell_command("sleep 66.2", limit=2),
                shell_command("sleep 1; echo 3", limit=2),
            ]
        )
        assert (slow.rc, hung.lost, last.out) == (0, "time limit of 2 s", b"3\n")
        assert 4.4 < time.monotonic() - before < 6

    on_all(all_links, check)
    assert process_gone("66.2")


def test_a_command_that_ignores_sigterm_is_killed_with_its_children(all_links):
    def check(link: WritingLink) -> None:
        stubborn = shell_command("trap '' TERM; sleep 66.3 & sleep 66.3; sleep 66.3", limit=1)
        hung, last = link.ask([stubborn, Command(("echo", "2"))])
        assert (hung.lost, last.out) == ("time limit of 1 s", b"2\n")

    on_all(all_links, check)
    assert process_gone("66.3")


@pytest.mark.parametrize("connection", ["", "ssh"])
def test_a_command_that_hangs_leaves_room_for_the_rest_where_there_is_one_session_at_a_time(tmp_path, connection):
    with run_sshd(tmp_path, options=["MaxSessions 1"]) as narrow:
        node = narrow.node(connection=connection)
        with links_to(narrow, node) as links:
            hung, last = links.to(node).ask([shell_command("sleep 66.4", limit=1), Command(("echo", "2"))])
    assert (hung.lost, last.out) == ("time limit of 1 s", b"2\n")
    assert process_gone("66.4")


def test_commands_are_programs_and_change_nothing_for_the_next(link):
    *unusual, where = link.ask(
        [Command(words) for words in (("cd", "/tmp"), ("exit", "3"), ("e", "1", "id"), ("pwd",))]
    )
    assert {answer.rc for answer in unusual} <= {
        0,
        127,
    }  # some systems have a program `cd`, which changes its own folder
    assert where.out == link.ask([Command(("pwd",))])[0].out


def test_what_a_command_leaves_running_holds_nothing_up(link):
    before = time.monotonic()
    first, last = link.ask([shell_command("sleep 67.1 & echo 1"), Command(("echo", "2"))])
    assert (first.out, last.out, time.monotonic() - before < 4) == (b"1\n", b"2\n", True)
    for pid in pids_of("67.1"):
        os.kill(pid, 9)


@pytest.mark.parametrize("signal_", ["KILL", "SEGV", "TERM"])
def test_a_command_that_is_killed_has_an_answer_that_says_so(link, signal_):
    [killed] = link.ask([shell_command(f"kill -{signal_} $$")])
    with pytest.raises(Unobservable, match=f"exited {128 + getattr(signal, f'SIG{signal_}')}"):
        killed.text()


def test_case_17_too_much_output_is_cut_and_the_rest_goes_on(link):
    flood = shell_command("head -c 1000000000 /dev/zero; sleep 62.2", most=5 << 20)
    much, last = link.ask([flood, Command(("echo", "2"))], room=3 << 20)
    assert (much.rc, much.lost, much.out) == (None, round_trip.TOO_MUCH, b"")
    assert last.out == b"2\n"
    assert process_gone("62.2")


FLOODS = [
    "cat /dev/zero",
    "cat /dev/zero >&2",
    "(cat /dev/zero &); yes >&2",
    "trap '' TERM; while :; do yes; done",
]


@pytest.mark.parametrize("flood", FLOODS)
def test_a_command_that_says_more_than_it_may_is_ended_on_the_node_and_costs_only_its_own_facts(all_links, flood):
    def check(link: WritingLink) -> None:
        commands = [
            shell_command("echo 1; echo e >&2; exit 7"),
            shell_command(flood, most=3 << 19, limit=20),
            shell_command("echo 3; exit 9"),
        ]
        first, much, last = link.ask(commands)
        assert (first.rc, first.out, first.err) == (7, b"1\n", b"e\n")
        assert (much.rc, much.lost, much.size) == (None, "its answer is larger than 1.5 MiB", 0)
        assert (last.rc, last.out) == (9, b"3\n")

    before = time.monotonic()
    on_all(all_links, check)
    assert time.monotonic() - before < 15


def test_an_answer_may_be_as_long_as_its_limit_and_not_one_byte_longer(link):
    text = 'head -c "$1" /dev/zero; head -c "$2" /dev/zero >&2'
    question = [("3000", "0"), ("3001", "0"), ("1501", "1500")]
    fits, longer, both = link.ask([shell_command(text, *numbers, most=3000) for numbers in question])
    assert (fits.rc, len(fits.out)) == (0, 3000)
    assert longer.lost == both.lost == "its answer is larger than 2.9 KiB"


def test_the_limits_are_those_that_are_promised():
    assert MOST_OUTPUT == 64 << 20
    assert Command(("true",)).most == 16 << 20
    assert Command(("true",)).limit == 30
    assert Links(make_inventory(Node(name="a", connection="local"))).limit == 10


def test_many_threads_share_one_link(link):
    answers: list[bytes] = []

    def ask(number: int) -> None:
        answers.append(link.ask([Command(("echo", str(number)))])[0].out)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(answers) == [b"%d\n" % number for number in range(8)]


def test_a_node_that_ignores_its_own_limit_is_given_up(all_links, monkeypatch):
    """As with a process in uninterruptible sleep, which no signal ends: here `timeout` itself is stopped."""
    monkeypatch.setattr(round_trip, "GRACE", 0.5)
    monkeypatch.setattr(round_trip, "KILL_AFTER", 0.5)
    script = "kill -STOP $PPID; exec sleep 63.3"

    def check(link: WritingLink) -> None:
        before = time.monotonic()
        hung, last = link.ask([shell_command(script, limit=1), Command(("echo", "3"))])
        assert (hung.rc, last.out) == (None, b"3\n")
        assert time.monotonic() - before < 8

    on_all(all_links, check)
    for pid in (*pids_of("63.3"), *pids_of(script)):
        os.kill(pid, 9)


# Streams


def test_a_stream_carries_bytes_both_ways(link):
    data = os.urandom(300_000)
    with link.open(("cat",)) as stream:
        sender = threading.Thread(target=lambda: (stream.write(data), stream.close_write()))
        sender.start()
        got = b"".join(iter(stream.read, b""))
        sender.join(10)
        assert got == data
        assert stream.wait() == 0


def test_a_stream_gives_the_exit_status_and_the_end_of_standard_error(link):
    with link.open(("sh", "-c", "cat >/dev/null; echo why >&2; exit 7")) as stream:
        stream.write(b"x")
        assert stream.wait() == 7
        time.sleep(0.05)
        assert stream.err == b"why\n"


def test_words_of_a_stream_are_words(link):
    with link.open(("printf", "%s", "a b;$(id)\n'x'")) as stream:
        assert b"".join(iter(stream.read, b"")) == b"a b;$(id)\n'x'"


def test_a_stream_of_a_command_that_is_not_there_ends_with_127(link):
    with link.open(("no-such-command",)) as stream:
        assert stream.wait() == 127


def test_a_stream_that_does_not_end_in_time_has_no_status(link):
    with link.open(("sh", "-c", "exec sleep 64.4")) as stream:
        assert stream.wait(0.3) is None
    for pid in pids_of("64.4"):
        os.kill(pid, 15)


def test_a_closed_stream_ends_its_command(link):
    stream = link.open(("cat",))
    stream.write(b"x")
    assert stream.read() == b"x"
    stream.close()
    with pytest.raises(Unobservable):
        stream.write(b"more")


def test_other_connections_carry_no_data():
    with pytest.raises(Unobservable, match="carries no data"):
        writing_link(TestinfraLink("local://", sudo=False))


# The end


@pytest.mark.parametrize("connection", ["", "ssh", "local"])
def test_case_68_closing_ends_what_runs_here_and_on_the_node(server, connection):
    node = server.node(connection=connection)
    links = links_to(server, node)
    link, heard = links.to(node), []
    asking = threading.Thread(target=lambda: heard.extend(outcome_of(link, [Command(("sleep", "65.5"))])))
    asking.start()
    deadline = time.monotonic() + 30
    while not pids_of("65.5") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert pids_of("65.5")
    before = time.monotonic()
    links.close()
    asking.join(5)
    assert time.monotonic() - before < 4
    assert heard == ["lost"]
    assert process_gone("65.5", within=4)
    with pytest.raises(Unobservable):
        links.to(node)


def outcome_of(link: Link, commands: list[Command]) -> list[str]:
    try:
        return ["lost" if answer.rc is None else "answered" for answer in link.ask(commands)]
    except Unobservable:
        return ["lost"]


INTERRUPTED = """
import sys
from datetime import UTC, datetime
from types import SimpleNamespace
from fleetkeeper.transport.commands import Command
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.transport.pool import Links
from fleetkeeper.looking.look import look_at_fleet
from fleetkeeper.inventory.schema import Node

def observe(node, inventory):
    yield [Command(("sleep", "69.9"))]

nodes = {name: Node.model_validate_json(node) for name, node in zip("ab", sys.argv[2:])}
inventory = Inventory.model_construct(name="test", path="", nodes=nodes, waivers=())
with Links(inventory, ssh_config=sys.argv[1]) as links:
    look_at_fleet(inventory, links.to, {"slow": SimpleNamespace(observe=observe, from_here=None)}, datetime.now(UTC))
"""


def test_case_68_ctrl_c_ends_a_look_at_once_here_and_on_every_node(server):
    nodes = [server.node("a"), server.node("b", connection="ssh")]
    words = (sys.executable, "-c", INTERRUPTED, str(server.config), *(node.model_dump_json() for node in nodes))
    child = subprocess.Popen(words, stderr=subprocess.PIPE, start_new_session=True, cwd=ROOT)
    deadline = time.monotonic() + 30
    while len(pids_of("69.9")) < 2 and time.monotonic() < deadline:  # one on each node
        time.sleep(0.02)
    assert len(pids_of("69.9")) == 2
    before = time.monotonic()
    child.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in child.communicate(timeout=10)[1]
    assert time.monotonic() - before < 4
    assert process_gone("69.9", within=4)


@pytest.mark.parametrize("connection", ["", "ssh"])
def test_closing_interrupts_a_connect(connection):
    with silent_port() as port:
        node = Node(name="mute", address="127.0.0.1", port=port, user="x", connection=connection)
        links = Links(make_inventory(node))
        threading.Timer(0.3, links.close).start()
        before = time.monotonic()
        with pytest.raises(Unobservable):
            links.to(links.inventory.nodes["mute"])
        assert time.monotonic() - before < 3


def test_case_69_a_connection_that_dies_leaves_the_rest_unknown(tmp_path):
    with run_sshd(tmp_path) as server:
        node = server.node()
        with links_to(server, node) as links:
            link = links.to(node)
            threading.Timer(0.5, server.stop).start()
            first, second = link.ask([Command(("echo", "1")), shell_command("sleep 66.6; echo never")])
    assert first.out == b"1\n"
    assert second.rc is None
    assert "connection was lost" in second.lost
    assert process_gone("66.6")
