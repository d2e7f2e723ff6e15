"""The right to look and nothing else: what the helper on a node lets pass, and that it knows every question."""

import ast
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from types import ModuleType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import fleetkeeper
from fleetkeeper.commands.sudoers_lines import END, helper, installer
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.readers.cron.snapshot import ask
from fleetkeeper.readers.docker.inspection import inspect_containers
from fleetkeeper.topics.backups import parse
from fleetkeeper.topics.backups.completeness import verify_command
from fleetkeeper.topics.backups.database import observe as databases
from fleetkeeper.topics.backups.facts import File
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.backups.root_questions import named_like
from fleetkeeper.topics.backups.second_copy import observe as copies
from fleetkeeper.topics.certificates import node_commands
from fleetkeeper.topics.registry import TOPICS, load_inventory
from fleetkeeper.topics.services.stacks.observe import describe_stacks
from fleetkeeper.topics.volumes.observe import usage_of
from fleetkeeper.traces import root_questions, traces
from fleetkeeper.transport.answer_frames import strip_proof_of_sudo
from fleetkeeper.transport.audit_helper import EDITION, HELPER, REFUSED
from fleetkeeper.transport.commands import Command, Output, Unobservable
from fleetkeeper.transport.local import LocalLink
from fleetkeeper.transport.script_files import load_script
from fleetkeeper.transport.shell_protocol import Script, render_script, render_stream
from tests.programs.transport.test_shell_functions import SHELLS, each_shell, flipping

ID = "4f" * 32
INVENTORY = """
nodes: {{here: {{connection: local}}}}
services: {{postgres: {{name: rodan_postgres, user: "33"}}}}
backups:
  service: postgres
  schedule: 0 0 * * *
  volume: {{name: rodan_pg_backup, node: here, path: {0}}}
  path: daily
  elsewhere: {{node: here, path: {0}/second}}
  keep: {{daily: 7}}
  floors: {{auth_user: 100}}
certificates: {{none: a test}}
"""
DUMP = "backup_2026_01_02T03_04_05.sql.gz"
LIES = "backup_2026_01_02T03_04_06.sql.gz"
MINE = File(DUMP, 1, 1.0, 1, "file")


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    """An inventory with dumps in a directory, and a link in the place of one; beside it what is nobody's business."""
    root = tmp_path.resolve()
    for name in ("daily", "second"):
        (root / name).mkdir()
        (root / name / DUMP).write_bytes(b"")
        (root / name / LIES).symlink_to(DUMP)
        (root / name / "db_password").write_text("Tr0ub4dor&3")
    (root / "secret.sql.gz").write_text("Tr0ub4dor&3")
    return load_inventory(root / "mine.yml", INVENTORY.format(root))


def make_policy(inventory: Inventory) -> Policy:
    return inventory.section(Policy)


JUDGING = helper().partition(END)[0]


def holds_for(
    *words: str,
    limit: str = "30",
    of: Inventory | None = None,
    shell: tuple[str, ...] = ("/bin/sh",),
    **environment: str,
) -> bool:
    """Whether the helper would run these words. It is cut off before it does."""
    judging = helper([of]).partition(END)[0] if of else JUDGING
    with NamedTemporaryFile("w") as file:  # one argument may have 128 KiB
        file.write(judging)
        file.flush()
        call = [*shell, file.name, limit, *words]
        done = subprocess.run(call, capture_output=True, check=False, env=environment)
    assert done.returncode in (0, 64, 77), done
    return done.returncode == 0


def run(script: str, *arguments: str) -> bool:
    return holds_for("sh", "-c", script, "sh", *arguments)


QUESTIONS = [question for topic in TOPICS.values() for question in topic.root_questions()] + list(root_questions())
CONSTANT = {
    str(asked): asked for asked in map(Command, QUESTIONS) if all(isinstance(word, str) for word in asked.words)
}


@pytest.mark.parametrize("command", CONSTANT.values(), ids=CONSTANT)
def test_every_constant_question_passes_and_with_one_more_word_it_does_not(command):
    assert holds_for(*command.words)
    assert not holds_for(*command.words, "x" if command.words[0] != "sh" or len(command.words) > 3 else "a", "b")
    assert not holds_for(*command.words[:-1])


@pytest.fixture
def contained(tmp_path: Path) -> Iterator[str]:
    """A process in a control group with the id of a container, as far as /proc/PID/cgroup says: ours, bind-mounted."""
    if os.getuid():
        pytest.skip("needs root")
    group = tmp_path / "cgroup"
    group.write_text(f"0::/system.slice/docker-{ID}.scope\n")
    words = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        'mount --bind "$1" /proc/$$/cgroup && echo ok && exec sleep 60',
        "sh",
        str(group),
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ok\n"
        yield str(process.pid)
        process.kill()


def test_questions_with_arguments_pass():
    assert holds_for(*ask(["root", "/usr/bin/docker", "=/bin/sh"]).words)
    assert run(load_script("fleetkeeper/topics/containers/scripts/read_accounts.sh"))
    assert holds_for(*traces().words)


def test_questions_about_the_inventory_s_dumps_pass(inventory):
    mine = make_policy(inventory)
    daily, second = f"{mine.volume.path}/daily", f"{mine.volume.path}/second"
    for command in (
        parse.list_directory(mine),
        usage_of(mine),
        verify_command(daily, [MINE], "sql.gz", "rodan_postgres"),
        copies.digest_command(daily, [MINE]),
        copies.digest_command(second, [MINE, File("backup_2026_01_02T03_04_07.sql.gz", 1, 1.0, 1, "file")]),
        copies.look_into_copies(second),
        databases.records_of(mine),
        databases.clusters_of(mine, "rodan_postgres"),
    ):
        for shell in SHELLS:
            assert holds_for(*command.words, of=inventory, shell=shell), (command, shell)
        assert not holds_for(*command.words), "no helper without that inventory lets it pass"


def others(inventory: Inventory) -> Iterator[tuple[str, ...]]:
    """Questions about files, places and services that are not those of the inventory."""
    mine = make_policy(inventory)
    top = str(mine.volume.path)
    daily = f"{top}/daily"
    ask_verify = ("sh", "-c", load_script("fleetkeeper/topics/backups/scripts/verify_dumps.sh"), "verify-backups")
    ask_digest = (
        "sh",
        "-c",
        load_script("fleetkeeper/topics/backups/second_copy/scripts/digest_files.sh"),
        "digest-backups",
    )
    for name in (
        "./db_password",
        f"./{LIES}",
        "./../secret.sql.gz",
        f"./x/{DUMP}",
        "/etc/shadow",
        "-x",
        "./",
        f"{DUMP}",
        f"./{DUMP}\n",
    ):
        yield (*ask_verify, daily, "sql.gz", "rodan_postgres", name)
        yield (*ask_digest, daily, name)
        yield (*ask_digest, f"{top}/second", f"./{DUMP}", name)
    for place in (
        top,
        "/etc",
        "/root",
        "/dev",
        "/proc/self/root/dev",
        f"{daily}/",
        f"{daily}/../daily",
        "",
        "relative",
        "/nowhere",
    ):
        yield (*ask_verify, place, "sql.gz", "rodan_postgres", f"./{DUMP}")
        yield (*ask_digest, place, f"./{DUMP}")
    yield (*ask_verify, daily, "sql", "rodan_postgres", f"./{DUMP}")
    yield (*ask_verify, daily, "sql.gz", "other", f"./{DUMP}")
    for where in ("/etc", top, "/root", ""):
        yield (
            "sh",
            "-c",
            load_script("fleetkeeper/topics/backups/scripts/list_backups.sh"),
            "list-backups",
            "rodan_pg_backup",
            where,
            "",
        )
        yield (
            "sh",
            "-c",
            load_script("fleetkeeper/topics/volumes/scripts/measure_volume.sh"),
            "sh",
            "rodan_pg_backup",
            f"{where}/",
        )
        yield (
            "sh",
            "-c",
            load_script("fleetkeeper/topics/backups/second_copy/scripts/list_copies.sh"),
            "list-copies",
            where,
        )
    yield (
        "sh",
        "-c",
        load_script("fleetkeeper/topics/backups/scripts/list_backups.sh"),
        "list-backups",
        "other_volume",
        "",
        "",
    )
    yield ("sh", "-c", databases.SHELL_RECORDS, "read-record", "/etc/shadow")
    yield ("sh", "-c", databases.SHELL_RECORDS, "read-record", "/var/lib/fleetkeeper/other.json")
    clusters = (
        "sh",
        "-c",
        load_script("fleetkeeper/topics/backups/database/scripts/ask_containers.sh"),
        "ask-database",
        load_script("fleetkeeper/topics/backups/database/scripts/ask_database.sh"),
    )
    yield (*clusters, "other", "", "", "auth_user")
    yield (*clusters, "rodan_postgres", "", "", "password")
    yield (*clusters, "rodan_postgres", "", "host=192.0.2.1 user=x", "auth_user")
    yield ("sh", "-c", load_script("fleetkeeper/scripts/find_traces.sh"), "looking for traces", "/root")


def test_nothing_else_that_could_be_about_dumps_passes(inventory):
    assert [words for words in others(inventory) if holds_for(*words, of=inventory)] == []


def test_a_directory_of_dumps_that_is_swapped_for_a_link_is_refused(inventory):
    top = Path(str(make_policy(inventory).volume.path))
    (top / "daily").rename(top.parent / "moved")
    (top / "daily").symlink_to(top.parent / "moved")
    assert not holds_for(*copies.digest_command(f"{top}/daily", [MINE]).words, of=inventory)
    assert not holds_for(*copies.digest_command(str(top.parent / "moved"), [MINE]).words, of=inventory)


@pytest.mark.parametrize(
    "pattern",
    ["b_%Y%m%d%H%M.sql", "%Y-%m-%dT%H:%M:%S+x.dump", "x_%Y_%j_%m_%d_%H_%M_%f.sql.gz", "100%%_%b_%Y%m%d%H%M.sql"],
)
def test_what_a_pattern_makes_is_named_like_it_and_little_else(pattern):
    def fits(name: str) -> bool:
        test = f"case $1 in {named_like(pattern)}) exit 0 ;; esac; exit 1"
        return subprocess.run(["sh", "-c", test, "sh", name], check=False).returncode == 0

    assert fits(datetime(2026, 11, 29, 23, 59, 58, 7, tzinfo=UTC).strftime(pattern))
    for name in ("", "id_rsa", "shadow", "x.sql", pattern, "$(id)"):
        assert not fits(name)


def test_the_file_that_was_opened_is_digested_whatever_takes_its_name(inventory):
    """The helper has let the name pass; then whoever writes there swaps the dump for a link, again and again."""
    daily = Path(str(make_policy(inventory).volume.path)) / "daily"
    (daily / "secret").symlink_to("../secret.sql.gz")
    secret = sha256(b"Tr0ub4dor&3").hexdigest()
    words = [
        "sh",
        "-c",
        load_script("fleetkeeper/topics/backups/second_copy/scripts/digest_files.sh"),
        "sh",
        str(daily),
        *[f"./{DUMP}"] * 30,
    ]
    with flipping(daily / DUMP, daily / "secret"):
        said = [subprocess.run(words, capture_output=True, text=True, check=False).stdout for _ in range(5)]
    assert secret not in "".join(said)


@each_shell
def test_the_file_that_was_opened_is_judged_whatever_takes_its_name(shell, inventory):
    """`what` and the counts would tell what a link that was swapped in leads to."""
    daily = Path(str(make_policy(inventory).volume.path)) / "daily"
    (daily / "archive").symlink_to("../archive.tar")
    (daily.parent / "archive.tar").write_bytes(b"\x28\xb5\x2f\xfd" * 200)
    words = [
        *shell,
        "-c",
        load_script("fleetkeeper/topics/backups/scripts/verify_dumps.sh"),
        "verify-backups",
        str(daily),
        "sql.gz",
        "postgres",
        *[f"./{DUMP}"] * 8,
    ]
    with flipping(daily / DUMP, daily / "archive"):
        said = [subprocess.run(words, capture_output=True, text=True, check=False).stdout for _ in range(3)]
    assert "zstd" not in "".join(said)


def test_an_older_and_a_newer_helper_are_told_apart():
    def refused(said: str) -> str:
        return strip_proof_of_sudo(Output(77, err=said.encode()), f"{HELPER}: ").lost

    assert refused(REFUSED).endswith("it is older than this fleetkeeper")
    assert refused(f"{REFUSED} (edition {EDITION + 1})").endswith("it is newer than this fleetkeeper")
    assert refused(f"{REFUSED} (edition {EDITION})").endswith(f"(edition {EDITION})")
    done = subprocess.run(["sh", "-c", helper(), "sh", "5", "id"], capture_output=True, check=False)
    assert done.stderr.decode().strip() == f"{REFUSED} (edition {EDITION})"


@pytest.mark.skipif(bool(os.getuid()), reason="only root may mount")
def test_questions_about_containers_are_about_processes_of_containers(contained, tmp_path):
    engine = tmp_path / "bin"
    engine.mkdir()
    (engine / "docker").write_text("#!/bin/sh\ncase $1 in ps) echo 4f ;; inspect) echo '/srv/a b' ;; esac\n")
    (engine / "docker").chmod(0o755)
    judging = JUDGING.replace("PATH=/usr/local/sbin", f"PATH={engine}:/usr/local/sbin", 1)
    judging = judging.replace("|| exit 69", "|| :").replace("/run/docker.sock", f"{tmp_path}/own.sock")
    (tmp_path / "judging").write_text(judging)  # one argument has at most 128 KiB (execve(2))

    def allowed(script: str, *arguments: str) -> bool:
        call = ["sh", tmp_path / "judging", "30", "sh", "-c", script, "sh", *arguments]
        return (
            subprocess.run(["nsenter", "-t", contained, "-m", *call], capture_output=True, check=False).returncode == 0
        )

    assert allowed(load_script("fleetkeeper/topics/containers/scripts/read_accounts.sh"), contained)
    assert allowed(
        load_script("fleetkeeper/topics/containers/scripts/read_start_scripts.sh"), contained, "python3", "/start.sh"
    )
    assert allowed(load_script("fleetkeeper/topics/containers/scripts/list_changed_files.sh"), contained, ID)
    mounted = (contained, "www-data", "rw", "/srv/a b")
    assert not allowed(load_script("fleetkeeper/topics/containers/scripts/check_access.sh"), *mounted), (
        "an engine of somebody's own may say anything"
    )
    with socket.socket(socket.AF_UNIX) as own:
        own.bind(f"{tmp_path}/own.sock")
    assert allowed(load_script("fleetkeeper/topics/containers/scripts/check_access.sh"), *mounted)
    follow = load_script("fleetkeeper/topics/containers/scripts/follow_mounts.sh")
    follow = follow.replace("|| exit 69", "|| :").replace("/run/docker.sock", f"{tmp_path}/own.sock")
    assert allowed(follow)
    assert allowed(follow, "/srv/a b", "/srv/a b")
    assert not allowed(follow, "/srv/a b", "/root")
    assert allowed(load_script("fleetkeeper/topics/containers/scripts/read_accounts.sh"), contained, "4194305"), (
        "one that has ended by now"
    )
    assert not allowed(
        load_script("fleetkeeper/topics/containers/scripts/read_start_scripts.sh"), "4194305", "/start.sh"
    ), "it may be anybody's the next moment"
    for odd in ("1", str(os.getpid()), "", "self", f"{contained}/../1", "0", f"0{contained}"):
        assert not allowed(load_script("fleetkeeper/topics/containers/scripts/read_accounts.sh"), contained, odd), odd
        assert not allowed(
            load_script("fleetkeeper/topics/containers/scripts/read_start_scripts.sh"), odd, "/start.sh"
        ), odd
    for place in ("/root", "-delete", "/srv", "/srv/a b/", "/srv/a b\n/root"):
        assert not allowed(
            load_script("fleetkeeper/topics/containers/scripts/check_access.sh"), contained, "www-data", "rw", place
        ), place
    assert not allowed(
        load_script("fleetkeeper/topics/containers/scripts/check_access.sh"), contained, "a\nb", "rw", "/srv/a b"
    )
    assert not allowed(load_script("fleetkeeper/topics/containers/scripts/list_changed_files.sh"), contained, "--help")


def test_the_number_of_a_process_that_has_ended_is_not_asked_about_whoever_gets_it_next():
    accounts = load_script("fleetkeeper/topics/containers/scripts/read_accounts.sh")
    for shell in SHELLS:
        asked = [*shell, "-c", helper(), "sh", "9", "sh", "-c", accounts, "4194305", "4194305", "4194306"]
        assert subprocess.run(asked, capture_output=True, check=True).stdout == b"=0\n!ended\n" * 2


@pytest.mark.parametrize(
    "group", ["0::/user.slice/user-1000.slice/user@1000.service/{0}", "0::/init.scope", "0::/user/1000.user/docker/{0}"]
)
def test_a_process_that_whoever_asks_put_into_a_group_is_none_of_a_container(group, tmp_path):
    judge = JUDGING.replace("/proc/$1/cgroup", f"{tmp_path}/cgroup")
    (tmp_path / "cgroup").write_text(group.format(ID) + "\n")
    call = [
        "sh",
        "-c",
        judge,
        "sh",
        "9",
        "sh",
        "-c",
        load_script("fleetkeeper/topics/containers/scripts/read_accounts.sh"),
        "sh",
        str(os.getpid()),
    ]
    assert subprocess.run(call, capture_output=True, check=False).returncode == 77


@pytest.mark.parametrize(
    "question",
    [
        node_commands.look_inside(ID),
        node_commands.look_inside(ID, ["a.example", "2001:db8::7", "/etc/rabbitmq/server cert.pem"]),
        node_commands.in_container(ID, node_commands.handshake("127.0.0.1:443", ("-servername", "a.example"))),
        node_commands.in_container(
            ID, node_commands.handshake("127.0.0.1:5432", ("-noservername", "-starttls", "postgres"))
        ),
        node_commands.in_container(ID, node_commands.old_handshake("127.0.0.1:443", ("-noservername",))),
        node_commands.in_container(
            ID, node_commands.headers("127.0.0.1:443", "a.example", ("-servername", "a.example"))
        ),
    ],
    ids=str,
)
def test_questions_about_certificates_pass_in_a_container(question):
    assert holds_for(*question.words)
    assert not holds_for(*question.words, "-keylogfile")
    assert not holds_for(*(word if word != ID else "--privileged" for word in question.words))
    assert not holds_for(*(word if word != node_commands.MARK else "x" for word in question.words))
    assert not holds_for(
        *(word.replace("127.0.0.1:", "192.0.2.1:") for word in question.words)
    ) or "127.0.0.1:" not in str(question.words)


@pytest.mark.parametrize("shell", [("dash",), ("bash",), ("busybox", "sh")])
def test_a_hooks_text_is_only_shown_when_roots_own_schedules_name_it_as_one(tmp_path, shell):
    """Whoever asks would else choose a file of a container: an account can write into its own crontab only."""
    assert not holds_for(*node_commands.look_inside(ID, ["hook:/usr/local/bin/no-schedule-names-it"]).words)
    lines = '0 3 * * * root docker exec web certbot renew --deploy-hook "/opt/re.load+x"\n# --post-hook /no/comment\n'
    (tmp_path / "certbot").write_text(lines)
    kinds = load_script("fleetkeeper/commands/scripts/helper_kinds.sh").replace("/etc/cron.d", str(tmp_path))
    words = ("/opt/re.load+x", "/opt/reXload+x", "/opt/re.load", "/no/comment", "/etc/shadow", "relative", "")
    asking = f'{kinds}\nfor word; do ! is_served "hook:$word" || printf "%s\\n" "$word"; done'
    done = subprocess.run([*shell, "-c", asking, "sh", *words], capture_output=True, text=True, check=False)
    assert done.stdout == "/opt/re.load+x\n"


@pytest.fixture
def script() -> Iterator[Path]:
    """A script where only root can put one."""
    if os.getuid():
        pytest.skip("needs root")
    with TemporaryDirectory(dir=Path.home()) as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "nightly"
        path.write_text("docker exec db backup")
        path.chmod(0o755)
        yield path


def shown_text(path: Path, asker: str = "1000", named: str = "", tools: Path = Path("/usr/bin")) -> bool:
    """Whether root prints a script for an account that may only look, where a schedule of root names this one."""
    text = ask([f"={path}"]).words[2].replace("/etc/crontab", str(script_named(path, named)))
    assert "/etc/cron.d/*" in text
    environment = {"ASKER": asker, "PATH": f"{tools}:/usr/bin:/bin"}
    done = subprocess.run(["/bin/sh", "-c", text, "sh", f"={path}"], capture_output=True, check=True, env=environment)
    assert done.stdout.endswith(b"end\n")
    return b"file script" in done.stdout


def script_named(path: Path, named: str) -> Path:
    table = Path(tempfile.gettempdir()) / f"crontab-{os.getpid()}"
    table.write_text(f"0 0 * * * root {named or path}\n")
    return table


def test_a_script_behind_a_schedule_is_shown_if_it_can_be_run(script):
    assert shown_text(script)
    assert not shown_text(Path("/bin/sh")), "a program is no script"
    assert not shown_text(script.parent)
    assert not shown_text(script, named="/another/one")
    script.chmod(0o644)
    assert not shown_text(script)


@pytest.mark.parametrize("awk", ["mawk", "gawk", "busybox"])
def test_a_script_is_shown_only_where_a_schedule_names_it_and_not_a_longer_path(awk, script, tmp_path):
    if shutil.which(awk) is None:
        pytest.skip(f"no {awk} here")
    tool = tmp_path / "awk"
    tool.symlink_to(shutil.which(awk) or "")
    for other in ("{0}.old", "{0}-all", "{0}/x", "/srv{0}", "./srv{0}", "true # see {0}s", "{0}@x {0}~", "\n# {0}"):
        assert not shown_text(script, named=other.format(script), tools=tmp_path), other
    for named in ('"{0}"', "sh {0};true", "{0}.old; {0}>/dev/null", "X={0} sh -c '{0}'", "-{0}", "$({0})"):
        assert shown_text(script, named=named.format(script), tools=tmp_path), named


def test_a_script_is_shown_only_where_who_asks_cannot_put_another_file_in_its_place(script, tmp_path):
    os.chown(script, 4711, 4711)
    assert shown_text(script)
    assert not shown_text(script, asker="4711")
    os.chown(script.parent, 4712, 4712)
    assert not shown_text(script)
    os.chown(script.parent, 0, 0)
    script.parent.chmod(0o777)
    assert not shown_text(script)
    script.parent.chmod(0o755)
    link = script.with_name("link")
    link.symlink_to(script)
    assert shown_text(link)
    os.chown(link, 1000, 1000, follow_symlinks=False)
    assert not shown_text(link)
    assert not shown_text(Path("/nowhere/there"))
    (tmp_path / "mine").symlink_to("/bin/sh")
    assert not shown_text(tmp_path / "mine")


def printed_while_it_is_swapped(shell: tuple[str, ...], script: Path, tries: int) -> str:
    """What root prints while the owner of a script swaps it for a link to a file of root's, all the time."""
    secret = script.parent / "shadow"
    secret.write_text("root:SECRET:1\n")
    secret.chmod(0o700)
    folder = script.parent / "theirs"
    folder.mkdir()
    theirs = folder / "s.sh"
    theirs.write_text("#!/bin/sh\ntrue\n")
    theirs.chmod(0o755)
    (folder / "link").symlink_to(secret)
    for path in (folder, theirs, folder / "link"):
        os.chown(path, 12345, 12345, follow_symlinks=False)
    text = ask([f"={theirs}"]).words[2].replace("/etc/crontab", str(script_named(theirs, "")))
    words = [*shell, "-c", text, "sh", *[f"={theirs}"] * tries]
    with flipping(theirs, folder / "link"):
        return subprocess.run(words, capture_output=True, text=True, check=True, env={"ASKER": "54321"}).stdout


@each_shell
def test_whoever_swaps_a_script_for_a_link_has_nothing_printed_that_is_not_theirs(shell, script):
    assert "SECRET" not in printed_while_it_is_swapped(shell, script, 40)


@pytest.mark.long
@each_shell
def test_whoever_swaps_a_script_thousands_of_times_has_nothing_printed(shell, script):
    assert "SECRET" not in printed_while_it_is_swapped(shell, script, 1500)


@pytest.mark.parametrize("limit", ["", "-1", "1e9", "1234567", "5; id", "$(id)"])
def test_a_limit_is_a_number_of_seconds(limit):
    assert not holds_for("id", "-u", limit=limit)


@pytest.mark.parametrize(
    "words",
    [
        (), ("id",), ("sh",), ("sh", "-c", "id"), ("sh", "-c", inspect_containers().words[2] + "\n"),
        ("crontab", "-r"), ("docker", "ps"), ("/bin/sh", *inspect_containers().words[1:]),
    ],
)  # fmt: skip
def test_nothing_else_passes(words):
    assert not holds_for(*words)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=8), max_size=5))
@example(["=text_0", "*"])
@example(["(", "="])
def test_no_words_at_random_pass(words):
    assert not holds_for(*words)


NOT_ASKED_BY_AN_AUDIT = {"prove_command": "a condition of a repair"}


def asked_as_root(path: Path) -> Iterator[str]:
    """The names of functions, and of constants, that make a command for root."""
    for node in ast.parse(path.read_text()).body:
        if any(map(is_for_root, ast.walk(node))):
            yield node.name if isinstance(node, ast.FunctionDef) else ast.unparse(node.targets[0])  # type: ignore[attr-defined]


def is_for_root(node: ast.AST) -> bool:
    return isinstance(node, ast.keyword) and node.arg == "sudo" and ast.unparse(node.value) == "True"


def declared(path: Path) -> Iterator[str]:
    """The names that a module's declarations of its questions use."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("root_questions"):
            yield from (inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name))


def test_the_question_about_stacks_takes_a_number_as_its_key_and_nothing_else():
    assert holds_for(*describe_stacks("0123456789").words)
    assert not holds_for(*describe_stacks("$(id)").words)
    assert not holds_for(*describe_stacks("1").words, "2")


def test_whoever_makes_a_command_for_root_declares_it_as_a_question_of_its_topic():
    package = Path(fleetkeeper.__file__).parent
    paths = [*(package / "topics").rglob("*.py"), *(package / "readers").rglob("*.py"), package / "traces.py"]
    asked = {name for path in paths for name in asked_as_root(path)}
    assert {"list_schedules", "usage_of", "OWN", "in_container"} <= asked
    undeclared = asked - {name for path in paths for name in declared(path)} - set(NOT_ASKED_BY_AN_AUDIT)
    assert undeclared == set(), "yield it in `root_questions` of its topic, and test that it passes"


def test_every_declaration_is_one_of_a_topic_and_so_part_of_the_helper():
    declarations = {topic.root_questions.__module__ for topic in TOPICS.values()}
    declarations |= {topic.root_questions_about.__module__ for topic in TOPICS.values()}
    for name in list(declarations):  # a topic's declaration may be made of those of its parts
        parts = [value for value in vars(sys.modules[name]).values() if isinstance(value, ModuleType)]
        declarations |= {part.__name__ for part in parts if part.__name__.startswith(name.rpartition(".")[0])}
    package = Path(fleetkeeper.__file__).parent
    for path in (package / "topics").rglob("*.py"):
        module = ".".join(path.relative_to(package.parent).with_suffix("").parts)
        assert not list(declared(path)) or module in declarations


def test_another_helper_has_another_version():
    """When this fails: count EDITION up, and write what is computed here."""
    [said] = [line for line in helper().split("\n") if line.startswith("# edition ")]
    assert said[:26] == f"# edition {EDITION}, 6d79fe8a3f2f"


def test_the_helper_runs_what_passes_without_the_callers_environment(tmp_path):
    done = subprocess.run(
        ["/bin/sh", "-c", helper(), "sh", "5", "id", "-u"], capture_output=True, text=True, check=True,
        env={"PATH": str(tmp_path), "DOCKER_CONFIG": "/tmp/evil"},
    )  # fmt: skip
    assert (done.stdout, done.stderr) == (f"{os.getuid()}\n", "fleet-started\n")
    assert 'exec env -i PATH="$PATH"' in END


@each_shell
def test_the_helper_judges_alike_in_other_shells(shell: tuple[str, ...], inventory: Inventory) -> None:
    assert holds_for("id", "-u", of=inventory, shell=shell)
    words = node_commands.in_container(ID, node_commands.handshake("127.0.0.1:443", ("-servername", "a.example"))).words
    assert holds_for(*words, of=inventory, shell=shell)
    assert [words for words in others(inventory) if holds_for(*words, of=inventory, shell=shell)] == []
    assert not holds_for("sh", "-c", "id", of=inventory, shell=shell)


@pytest.mark.parametrize("shell", ["/bin/sh", "bash"])
def test_the_helper_and_its_installer_are_sound_shell(shell, inventory):
    for text in (helper(), helper([inventory, inventory]), installer("fleetkeeper", [inventory])):
        subprocess.run([shell, "-n"], input=text, text=True, check=True)


def test_an_account_for_audits_gets_the_helper_where_root_is_needed():
    text = render_script([Command(("id", "-u"), sudo=True), Command(("id",))], sudo="audit").text.decode()
    assert f"sudo -n -- {HELPER}" in text
    assert "\nr 2 30 id -u\n" in text
    assert "\ne 30 id\n" in text


def test_an_account_for_audits_cannot_open_anything_for_writing():
    with pytest.raises(Unobservable, match="may only look"):
        render_stream(("cat",), sudo="audit")
    assert isinstance(render_stream(("cat",), sudo=True), Script)
    with pytest.raises(Unobservable, match="may only look"):
        LocalLink(sudo="audit").open(("cat",), sudo=True)
