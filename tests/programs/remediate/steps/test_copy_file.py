"""Copying a backup from node to node: streamed for real between two folders here, cut and hindered in every way."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from fleetkeeper.transport.commands import Command, Output, Unobservable
from fleetkeeper.transport.local import LocalLink
from fleetkeeper.transport.script_files import load_script
from fleetkeeper.transport.writing import Stream, WritingLink
from remediate.plan import Plan
from remediate.plan_end import End
from remediate.steps import (
    ABSENT,
    AlreadyBack,
    CopyFile,
    Identified,
    Lost,
    RemoveCopy,
    Stale,
    StepFailed,
    copy_scripts,
    dump,
    load,
)
from remediate.steps import StepContext as Where
from remediate.steps.copy_file import CHUNK
from tests.helpers.local_nodes import FaultyStream, LocalNodes, sha_of
from tests.programs.transport.test_shell_functions import each_shell

NAME = "backup_2026_01_02T00_00_00.sql.gz"
CONTENT = random.Random(7).randbytes(3 * CHUNK + 12345)
WRITTEN = 1_767_312_000


@dataclass
class Link:
    """The local link; `wrap` may stand between us and each stream, `asked` keeps what was started."""

    wrap: Callable[[Stream], Stream] = lambda stream: stream
    inner: LocalLink = field(default_factory=LocalLink)

    def ask(self, commands: Sequence[Command]) -> list[Output]:
        return self.inner.ask(commands)

    def open(self, words: tuple[str, ...], sudo: bool = False) -> Stream:
        return self.wrap(self.inner.open(words, sudo))

    def close(self) -> None:
        self.inner.close()


@dataclass
class CopyScene:
    """A source with one backup, a second place, and the links to both."""

    here: Path
    there: Path
    step: CopyFile
    source: Link = field(default_factory=Link)
    sink: Link = field(default_factory=Link)
    said: list[str] = field(default_factory=list)

    @property
    def place(self) -> Where:
        reach: Callable[[str], WritingLink] = {"data": self.source}.__getitem__
        return Where("run", 1, reach=reach, say=self.said.append)

    def run(self) -> str:
        self.step.still_true(self.sink, self.place)
        return self.step.do(self.sink, self.place).after

    @property
    def left(self) -> list[str]:
        return sorted(os.listdir(self.there)) if self.there.exists() else []


@pytest.fixture
def scene(tmp_path: Path) -> CopyScene:
    tmp_path = tmp_path.resolve()
    here, present = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    present.mkdir()
    (here / NAME).write_bytes(CONTENT)
    os.utime(here / NAME, (WRITTEN, WRITTEN))
    return CopyScene(here, present, step_of(here, present))


def step_of(here: Path, path: Path) -> CopyFile:
    seen = (here / NAME).stat()
    file = Identified(NAME, seen.st_ino, seen.st_size, int(seen.st_mtime))
    return CopyFile("manager", str(path), "data", str(here), file, sha_of((here / NAME).read_bytes()))


def test_a_copy_has_content_time_and_mode_and_nothing_else_is_left(scene):
    assert scene.run() == sha_of(CONTENT)
    copy = scene.there / NAME
    assert copy.read_bytes() == CONTENT
    assert (copy.stat().st_mtime, copy.stat().st_mode & 0o777, copy.stat().st_nlink) == (WRITTEN, 0o600, 1)
    assert scene.left == [NAME]


@pytest.mark.parametrize("length", [1, 2, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_every_length_arrives_whole(scene, length):
    (scene.here / NAME).write_bytes(CONTENT[:length])
    scene.step = step_of(scene.here, scene.there)
    assert scene.run() == sha_of(CONTENT[:length])
    assert (scene.there / NAME).read_bytes() == CONTENT[:length]


def test_a_missing_directory_is_made_for_root_only_and_the_plan_says_so(scene):
    deep = scene.there / "a" / "b"
    scene.step = replace(scene.step, target=str(deep), makes=True)
    assert f"{deep} is made, for root only" in scene.step.show()
    scene.run()
    assert (deep / NAME).exists()
    assert deep.stat().st_mode & 0o777 == 0o700


def test_two_directories_of_one_node_will_do(scene):
    scene.step = replace(scene.step, node="data")
    scene.sink = scene.source
    assert scene.run() == sha_of(CONTENT)


def test_it_needs_both_nodes():
    step = CopyFile("manager", "/t", "data", "/s", Identified(NAME, 1, 2, 3), "")
    assert Plan((step,)).nodes == {"manager", "data"}


def test_both_kinds_survive_the_journal(scene):
    for step in (scene.step, scene.step.inverse(scene.sink, scene.place)):
        assert load(dump(step)) == step


# ── what stands in the way ──


def refusal_of(scene: CopyScene, match: str, kind: type[Exception] = StepFailed) -> Exception:
    before = {path.name: path.read_bytes() for path in scene.there.iterdir()} if scene.there.is_dir() else {}
    with pytest.raises(kind, match=match) as why:
        scene.run()
    assert not getattr(why.value, "changed", False)
    if scene.there.is_dir():
        assert {path.name: path.read_bytes() for path in scene.there.iterdir()} == before
    return why.value


def test_a_name_that_is_taken_is_never_written_over(scene):
    (scene.there / NAME).write_bytes(b"somebody else's")
    refusal_of(scene, "is there already")


@pytest.mark.parametrize("odd", ["directory", "link", "dangling", "fifo"])
def test_a_name_that_something_odd_has_is_left_alone(scene, odd):
    path = scene.there / NAME
    make = {
        "directory": path.mkdir,
        "link": lambda: path.symlink_to(scene.here / NAME),
        "dangling": lambda: path.symlink_to("/nowhere"),
        "fifo": lambda: os.mkfifo(path),
    }
    make[odd]()
    with pytest.raises(StepFailed, match="is there already"):
        scene.run()
    assert scene.left == [NAME]


@pytest.mark.parametrize("odd", ["directory", "dangling", "fifo"])
def test_a_part_s_name_that_something_odd_has_is_refused_at_once(scene, odd):
    path = scene.there / f".fleetkeeper.{NAME}.part"
    {"directory": path.mkdir, "dangling": lambda: path.symlink_to("/nowhere"), "fifo": lambda: os.mkfifo(path)}[odd]()
    begun = time.monotonic()
    with pytest.raises(StepFailed, match=r"no regular file|part"):
        scene.run()
    assert time.monotonic() - begun < 30
    assert scene.left == [path.name]


def test_a_second_place_behind_a_link_is_refused(scene, tmp_path):
    (tmp_path / "link").symlink_to(scene.there)
    for target in (tmp_path / "link", tmp_path / "link" / "below"):
        scene.step = replace(scene.step, target=str(target.absolute()))
        refusal_of(scene, "through a link")


def test_too_little_room_is_noticed_before_anything_is_sent(scene):
    scene.step = replace(scene.step, reserve=2**60)
    refusal_of(scene, "does not fit")


def test_a_source_that_is_no_longer_what_was_seen_is_stale(scene):
    (scene.here / NAME).write_bytes(CONTENT + b"more")
    refusal_of(scene, "no longer the file that was seen", Stale)
    (scene.here / NAME).unlink()
    refusal_of(scene, "is gone", Stale)


def test_a_source_whose_content_is_another_under_the_same_time_is_not_copied(scene):
    (scene.here / NAME).write_bytes(b"X" + CONTENT[1:])
    os.utime(scene.here / NAME, (WRITTEN, WRITTEN))
    refusal_of(scene, "another digest")


def test_a_source_that_changes_while_it_is_read_is_not_copied(scene):
    class Changing(Through):
        def read(self, size: int = 65536) -> bytes:
            with (scene.here / NAME).open("ab") as grown:
                grown.write(b"!")
            return self.inner.read(size)

    scene.source.wrap = Changing
    refusal_of(scene, "no longer the file that was seen")


class Through:
    """A stream that passes everything on."""

    def __init__(self, inner: Stream) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def __enter__(self) -> Through:
        return self

    def __exit__(self, *why: object) -> None:
        self.inner.close()


def cut_after(count: int) -> Callable[[Stream], Stream]:
    return lambda stream: FaultyStream(stream, count)


@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.999])
def test_case_29_a_cut_connection_at_any_byte_leaves_nothing_under_the_name(scene, share):
    scene.sink.wrap = cut_after(int(len(CONTENT) * share))
    with pytest.raises(Lost):
        scene.run()
    settled(scene, lambda: scene.left == [])
    assert NAME not in scene.left


def test_a_source_that_is_cut_leaves_nothing(scene):
    class Short(Through):
        count = 0

        def read(self, size: int = 65536) -> bytes:
            self.count += 1
            if self.count > 2:
                raise Unobservable("the connection was lost")
            return self.inner.read(size)

    scene.source.wrap = Short
    refusal_of(scene, "the connection was lost")
    assert scene.left == []


def test_case_68_ctrl_c_in_the_middle_leaves_nothing(scene):
    class Interrupted(Through):
        def read(self, size: int = 65536) -> bytes:
            raise KeyboardInterrupt

    scene.source.wrap = Interrupted
    with pytest.raises(KeyboardInterrupt):
        scene.run()
    settled(scene, lambda: scene.left == [])


def children_of(pid: int) -> list[str]:
    """The names of the programs that a process has started, and which run."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [Path(f"/proc/{child}/comm").read_text().strip() for child in children if Path(f"/proc/{child}").exists()]


def settled(scene: CopyScene, test: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not test() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert test(), scene.left


def test_what_a_killed_run_left_is_removed_by_the_next(scene):
    (scene.there / f".fleetkeeper.{NAME}.part").write_bytes(b"half")
    (scene.there / ".fleetkeeper.backup_2020_01_01T00_00_00.sql.gz.part").write_bytes(b"half")
    (scene.there / "foreign.part").write_bytes(b"not ours")
    scene.run()
    assert scene.left == [NAME, "foreign.part"]


def test_a_taker_that_lingers_after_its_run_died_harms_nothing(scene):
    words = (
        "sh",
        "-c",
        load_script("remediate/steps/scripts/take_copy.sh"),
        "sh",
        str(scene.there),
        NAME,
        "5",
        sha_of(b"other"),
        "@0",
        "1",
    )
    with subprocess.Popen(words, stdin=subprocess.PIPE) as lingering:
        settled(scene, lambda: "cat" in children_of(lingering.pid))  # its part is open, and it reads
        assert lingering.stdin is not None
        lingering.stdin.write(b"oth")
        lingering.stdin.flush()
        scene.run()
        lingering.stdin.close()
    assert lingering.returncode == copy_scripts.SHORT
    assert scene.left == [NAME]
    assert (scene.there / NAME).read_bytes() == CONTENT


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGHUP])
def test_a_taker_that_is_ended_takes_its_part_with_it(scene, which):
    words = (
        "sh",
        "-c",
        load_script("remediate/steps/scripts/take_copy.sh"),
        "sh",
        str(scene.there),
        NAME,
        "5",
        sha_of(b"other"),
        "@0",
        "1",
    )
    with subprocess.Popen(words, stdin=subprocess.PIPE) as taking:
        settled(scene, lambda: bool(scene.left))
        taking.send_signal(which)
        assert taking.stdin is not None
        taking.stdin.close()
    assert taking.returncode in {71, copy_scripts.SHORT}  # whichever it notices first: nothing is left of it
    assert scene.left == []


def test_long_copies_say_how_far_they_are(scene, monkeypatch):
    monkeypatch.setattr("remediate.steps.copy_file.EVERY", 0.0)
    scene.run()
    assert any(line.startswith(f"  {NAME}: ") and line.endswith(" %") for line in scene.said)


@contextmanager
def putting_links(name: Path, to: Path) -> Iterator[None]:
    """Somebody who may write in that directory puts a link in the place of a name, again and again."""
    over = threading.Event()

    def put() -> None:
        spare = name.with_name("spare")
        while not over.is_set():
            spare.symlink_to(to)
            spare.replace(name)
            name.unlink(missing_ok=True)

    thread = threading.Thread(target=put, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(5)


@each_shell
@pytest.mark.parametrize("which", [f".fleetkeeper.{NAME}.part", NAME])
def test_whoever_may_write_in_the_second_place_leads_no_byte_out_of_it(scene, tmp_path, shell, which):
    (tmp_path / "node/cron.daily").mkdir(parents=True)
    victim = tmp_path / "node/victim"
    victim.write_text("precious")
    words = (
        *shell,
        "-c",
        load_script("remediate/steps/scripts/take_copy.sh"),
        "sh",
        str(scene.there),
        NAME,
        "5",
        sha_of(b"other"),
        "@0",
        "1",
    )
    for to in (victim, victim.parent / "cron.daily", victim.parent / "made"):
        with putting_links(scene.there / which, to):
            for _ in range(2):
                subprocess.run(words, input=b"other", check=False, capture_output=True, timeout=60)
                with suppress(OSError):
                    (scene.there / NAME).unlink()
    assert victim.read_text() == "precious"
    assert sorted(path.name for path in victim.parent.rglob("*")) == ["cron.daily", "victim"]


@each_shell
def test_a_directory_is_never_made_through_a_link(scene, tmp_path, shell):
    (tmp_path / "node").mkdir()
    (scene.there / "link").symlink_to(tmp_path / "node")
    for target in ("link/x", "link/x/y", "x/../link/z"):
        words = (
            *shell,
            "-c",
            load_script("remediate/steps/scripts/take_copy.sh"),
            "sh",
            f"{scene.there}/{target}",
            NAME,
            "5",
            sha_of(b"other"),
            "@0",
            "1",
        )
        assert subprocess.run(words, input=b"other", check=False, capture_output=True).returncode == 77
    assert list((tmp_path / "node").iterdir()) == []


def test_where_there_are_no_hard_links_the_name_is_given_all_the_same(scene, tmp_path):
    path = programs(tmp_path / "bin", without="ln")
    words = (
        "sh",
        "-c",
        load_script("remediate/steps/scripts/take_copy.sh"),
        "sh",
        str(scene.there),
        NAME,
        "5",
        sha_of(b"other"),
        "@0",
        "1",
    )
    done = subprocess.run(words, input=b"other", env={"PATH": path}, check=False)
    assert (done.returncode, scene.left) == (0, [NAME])


@pytest.mark.skipif(not shutil.which("busybox"), reason="no BusyBox here")
def test_busybox_sends_and_takes_as_well(scene, tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in (
        "sh",
        "cat",
        "tee",
        "sha256sum",
        "stat",
        "cut",
        "df",
        "mkdir",
        "rm",
        "wc",
        "touch",
        "sync",
        "ln",
        "mv",
    ):
        (folder / name).symlink_to(shutil.which("busybox"))
    step, env = scene.step, {"PATH": str(folder)}
    send, take = (load_script(f"remediate/steps/scripts/{script}_copy.sh") for script in ("send", "take"))
    sent = subprocess.run(
        (folder / "sh", "-c", send, "sh", step.directory, NAME, step.file.identity),
        env=env, capture_output=True, check=True,
    )  # fmt: skip
    assert sent.stdout == CONTENT + step.sha256.encode() + b"\n"
    taken = subprocess.run(
        (folder / "sh", "-c", take, "sh", step.target, NAME, str(len(CONTENT)), step.sha256, "@5", "1"),
        env=env, input=CONTENT, check=False,
    )  # fmt: skip
    assert (taken.returncode, scene.left) == (0, [NAME])


def programs(folder: Path, without: str) -> str:
    """A PATH with everything that the script needs, except one program."""
    folder.mkdir()
    for name in ("sh", "cat", "sha256sum", "stat", "cut", "df", "mkdir", "rm", "wc", "touch", "sync", "mv", "ln"):
        if name != without:
            (folder / name).symlink_to(str(shutil.which(name)))
    return str(folder)


# ── the way back ──


def back(scene: CopyScene) -> RemoveCopy:
    return scene.step.inverse(scene.sink, scene.place)


def test_the_way_back_removes_the_copy_and_nothing_else(scene):
    scene.run()
    undo = back(scene)
    undo.still_true(scene.sink, scene.place)
    assert undo.do(scene.sink, scene.place).after == ABSENT
    assert scene.left == []
    with pytest.raises(AlreadyBack):
        undo.still_true(scene.sink, scene.place)


def test_the_way_back_removes_a_directory_that_was_made_if_nothing_else_is_in_it(scene):
    scene.step = replace(scene.step, target=str(scene.there / "new"), makes=True)
    scene.run()
    back(scene).do(scene.sink, scene.place)
    assert scene.left == []


def test_a_copy_that_somebody_has_changed_since_stays(scene):
    scene.run()
    (scene.there / NAME).write_bytes(b"changed")
    with pytest.raises(Stale):
        back(scene).still_true(scene.sink, scene.place)
    with pytest.raises(StepFailed):
        back(scene).do(scene.sink, scene.place)
    assert scene.left == [NAME]


def test_the_way_back_of_a_killed_copy_removes_its_part(scene):
    (scene.there / f".fleetkeeper.{NAME}.part").write_bytes(b"half")
    undo = back(scene)
    undo.still_true(scene.sink, scene.place)
    undo.do(scene.sink, scene.place)
    assert scene.left == []


# ── in a plan, under both locks ──


def nodes_for_copying(tmp_path: Path) -> LocalNodes:
    """Nodes of which b has lost its paper, while a folder of node a has what it should say."""
    folder = tmp_path.resolve()
    local = LocalNodes(folder, remedy=lambda finding, fleet: bring(folder))
    local.paper("a").write_text("new a\n")
    local.paper("b").unlink()
    (folder / "a" / "kept").mkdir()
    (folder / "a" / "kept" / "paper").write_text("new b\n")
    return local


def bring(folder: Path) -> Plan:
    seen = (folder / "a" / "kept" / "paper").stat()
    file = Identified("paper", seen.st_ino, seen.st_size, int(seen.st_mtime))
    return Plan((CopyFile("b", str(folder / "b"), "a", str(folder / "a" / "kept"), file, sha_of(b"new b\n")),))


def test_a_plan_copies_from_node_to_node_and_its_rule_says_that_it_is_fixed(tmp_path):
    local = nodes_for_copying(tmp_path)
    [ended] = local.fix()
    assert (ended.end, local.texts()["b"]) == (End.FIXED, "new b\n")
    [step] = local.journal.steps(next(iter(local.journal)).id)
    assert (step.node, step.state, step.after) == ("b", "done", sha_of(b"new b\n"))
    assert step.way_back["kind"] == "remove_copy"


def test_a_copy_that_does_not_help_is_taken_back(tmp_path):
    local = nodes_for_copying(tmp_path)
    (local.folder / "a" / "kept" / "paper").write_text("something else\n")
    local.remedy = lambda finding, fleet: replace_text(local.folder, b"something else\n")
    [ended] = local.fix()
    assert (ended.end, ended.rolled_back, local.paper("b").exists()) == (End.STILL_FAILING, True, False)


def replace_text(folder: Path, content: bytes) -> Plan:
    [step] = bring(folder).steps
    return Plan((replace(step, sha256=sha_of(content)),))
