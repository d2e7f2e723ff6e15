"""The lock: one holder, known by name, gone within its patience once nobody is heard of."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.local import LocalLink
from remediate import lock
from remediate.lock import Busy, HeldLock, Locks, Silence, start_holder
from remediate.steps import Lost, StepContext
from tests.helpers.waiting import wait_until


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "lock")


def locks_of(path: str, run: str = "one", beat: float = 0.05) -> Locks:
    return Locks(lambda node: LocalLink(), run, path, beat)


def test_case_67_the_second_is_told_who_holds_it_and_since_when(path: str) -> None:
    with locks_of(path, "one") as first:
        first.take(["a"])
        with pytest.raises(Busy, match=r"a is locked by \S+@\S+ \(process \d+, run one\) since 20\d\d-") as busy:
            locks_of(path, "two").take(["a"])
    assert busy.value.node == "a"


def test_released_it_is_free_and_leaves_no_file(path: str, tmp_path: Path) -> None:
    for run in ("one", "two"):
        with locks_of(path, run) as held:
            held.take(["a"])
            assert held.alive("a")
    assert list(tmp_path.iterdir()) == []


def test_the_heartbeat_is_answered_and_keeps_it(path: str) -> None:
    with locks_of(path) as mine:
        mine.take(["a"])
        first = mine.held["a"].confirmed
        wait_until(lambda: mine.held["a"].confirmed > first)
        assert mine.alive("a")


def test_case_81_without_a_heartbeat_it_frees_itself_within_its_patience_and_not_before(path: str) -> None:
    stream = start_holder(LocalLink(), "a", path, "somebody silent", patience=1)
    with pytest.raises(Busy):
        locks_of(path).take(["a"])
    wait_until(lambda: not os.path.exists(path), 4.0)
    with locks_of(path) as mine:
        assert mine.take(["a"]) == {}
    stream.close()


def test_the_promise_of_a_minute_is_kept_and_we_stop_believing_before_the_node_lets_go() -> None:
    assert lock.BEAT + lock.ANSWER < lock.PATIENCE <= 60


def test_the_node_ends_the_holder_itself_when_it_goes_silent(path: str) -> None:
    stream = start_holder(LocalLink(), "a", path, "somebody silent", patience=1)
    holder = int(Path(path).read_text().split()[0])
    wait_until(lambda: not alive(holder), 4.0)
    stream.close()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_case_67_a_dead_holders_lock_is_taken_over_at_once(path: str) -> None:
    stream = start_holder(LocalLink(), "a", path, "somebody who is killed")
    holder = int(Path(path).read_text().split()[0])
    os.kill(holder, signal.SIGKILL)
    wait_until(lambda: not alive(holder))
    stream.close()
    with locks_of(path) as mine:
        assert mine.take(["a"]) == {}


def test_a_dead_holder_that_its_parent_has_not_waited_for_does_not_keep_it(path: str) -> None:
    with subprocess.Popen(["true"]) as holder:
        wait_until(lambda: not alive(holder.pid))
        birth = Path(f"/proc/{holder.pid}/stat").read_text().rpartition(")")[2].split()[19]
        Path(path).write_text(f"{holder.pid} {birth} somebody who is dead\n")
        with locks_of(path) as mine:
            assert mine.take(["a"]) == {}


def test_a_process_that_merely_has_the_dead_holders_number_does_not_keep_it(path: str) -> None:
    Path(path).write_text(f"{os.getpid()} 1 somebody long dead\n")
    with locks_of(path) as mine:
        assert mine.take(["a"]) == {}


def test_whoever_died_while_taking_a_dead_lock_over_does_not_jam_it(path: str) -> None:
    Path(path).write_text(f"{os.getpid()} 1 somebody long dead\n")
    breaking = Path(f"{path}.breaking")
    breaking.mkdir()
    with locks_of(path) as mine, pytest.raises(Busy):
        mine.take(["a"])
    assert breaking.exists()  # somebody may be at it this very moment
    os.utime(breaking, (time.time() - 200, time.time() - 200))
    with locks_of(path) as mine, pytest.raises(Busy):
        mine.take(["a"])
    with locks_of(path) as mine:
        assert mine.take(["a"]) == {}


def test_the_lock_says_its_version_and_whose_it_is(path: str) -> None:
    with locks_of(path) as mine:
        mine.take(["a"])
        pid, birth, version, who = Path(path).read_text().split(" ", 3)
        assert (pid.isdigit(), birth, version, who.strip()) == (True, born(int(pid)), "v1", mine.who)


def test_an_older_lock_is_respected_while_its_holder_lives(path: str) -> None:
    Path(path).write_text(f"{os.getpid()} {born(os.getpid())} root@elsewhere (process 1, run x)\n")
    with locks_of(path) as mine, pytest.raises(Busy) as busy:
        mine.take(["a"])
    assert busy.value.who == "root@elsewhere (process 1, run x)"


@pytest.mark.parametrize("line", ["1 1 v2 somebody\n", "v2 1 1 somebody\n", "v2\n", "not a lock", '{"version": 2}\n'])
def test_a_lock_that_is_not_understood_is_nobodys_to_take_over(path: str, line: str) -> None:
    Path(path).write_text(line)
    with locks_of(path) as mine, pytest.raises(Busy, match=f"upgrade this one; .* remove {path}"):
        mine.take(["a"])
    assert Path(path).read_text() == line


def test_a_cut_connection_frees_it(path: str) -> None:
    stream = start_holder(LocalLink(), "a", path, "somebody")
    stream.close()
    wait_until(lambda: not os.path.exists(path))


def test_of_many_at_once_exactly_one_gets_it(path: str) -> None:
    Path(path).write_text("1 1 a dead one, to make it harder\n")
    got, refused, all_ready = [], [], threading.Barrier(6)

    def contend(number: int) -> None:
        mine = locks_of(path, str(number))
        all_ready.wait()
        try:
            mine.take(["a"])
            got.append(mine)
        except Busy:
            refused.append(mine)

    threads = [threading.Thread(target=contend, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for mine in got:
        mine.release()
    assert (len(got), len(refused)) == (1, 5)


def test_a_node_where_no_lock_can_be_made_is_not_locked_and_says_why() -> None:
    with locks_of("/proc/nowhere/lock") as mine:
        failed = mine.take(["a"])
    assert str(failed["a"]) == "a: /proc/nowhere/lock cannot be written (it takes root)"
    assert "sudo" in failed["a"].hint


def test_all_or_none_are_held(tmp_path: Path) -> None:
    taken = {"a": str(tmp_path / "a"), "b": str(tmp_path / "b")}
    with locks_of(taken["b"]) as other:
        other.take(["b"])
        mine = Locks(lambda node: Elsewhere(taken[node]), "two", "PATH")
        with pytest.raises(Busy):
            mine.take(["b", "a"])
        assert mine.held == {}
    wait_until(lambda: not os.path.exists(taken["a"]))


class Elsewhere(LocalLink):
    """A node whose lock lies somewhere of its own."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def open(self, words: tuple[str, ...], sudo: bool = False):
        return super().open(tuple(self.path if word == "PATH" else word for word in words), sudo)


def test_a_lock_that_is_not_confirmed_now_is_not_believed_in(path: str) -> None:
    stream = start_holder(LocalLink(), "a", path, "somebody")
    held = HeldLock("a", stream, beat=60, answer=0.3)
    assert held.alive()
    os.kill(int(Path(path).read_text().split()[0]), signal.SIGSTOP)
    started = time.monotonic()
    assert not held.alive()
    assert time.monotonic() - started < 2
    os.kill(int(Path(path).read_text().split()[0]), signal.SIGCONT)
    held.release()


def test_a_lock_whose_connection_broke_is_lost_at_once_even_if_a_new_connection_works(path: str) -> None:
    with locks_of(path, beat=60) as mine:
        mine.take(["a"])
        assert mine.alive("a")
        mine.held["a"].stream.close()
        assert not mine.alive("a")
        assert not mine.alive("another node")


def test_case_73_the_holders_name_cannot_drive_the_terminal(path: str) -> None:
    Path(path).write_text(f"{os.getpid()} {born(os.getpid())} evil\x1b[2Jname\n")
    with pytest.raises(Busy) as busy:
        locks_of(path).take(["a"])
    assert busy.value.who == "evil\\x1b[2Jname"


def born(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def test_a_link_that_fails_while_locking_is_reported_for_its_node_only(path: str) -> None:
    class Dead(LocalLink):
        def open(self, words, sudo=False):
            raise Unobservable("connection refused")

    links = {"a": Dead(), "b": LocalLink()}
    with Locks(lambda node: links[node], "one", path) as mine:
        failed = mine.take(["a", "b"])
        assert list(failed) == ["a"]
        assert mine.alive("b")


def test_a_step_may_confirm_the_lock_and_knows_what_its_file_says(path: str) -> None:
    with locks_of(path, beat=60) as mine:
        mine.take(["a"])
        here = mine.guarding(StepContext("run", 1))
        here.confirm("a")
        assert Path(path).read_text().rstrip("\n").endswith(f" {here.token}")
        mine.held["a"].stream.close()
        with pytest.raises(Lost, match="the lock of a is not ours any more"):
            here.confirm("a")


def test_whoever_waits_for_a_silent_node_is_told_within_seconds_and_when_it_answers_again(path: str) -> None:
    text: list[str] = []
    with locks_of(path, beat=0.05) as mine:
        mine.tell, mine.pace = text.append, Silence(check=0.05, first=0.3, again=0.5)
        mine.take(["a"])
        holder = int(Path(path).read_text().split()[0])
        os.kill(holder, signal.SIGSTOP)
        wait_until(lambda: len(text) > 1)
        os.kill(holder, signal.SIGCONT)
        wait_until(lambda: text[-1] == "a answers again")
    assert text[0] == "no answer from a for 0 s"
