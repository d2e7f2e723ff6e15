"""The right to look and nothing else: what the helper on a node lets pass, and that it knows every question."""

import ast
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fleet import topics
from fleet.commands import Command, Unobservable
from fleet.framing import HELPER, Script, render, render_stream
from fleet.links.local import LocalLink
from fleet.topics.backups import listing
from fleet.topics.backups.streaming import SHELL_VERIFY
from fleet.topics.certificates import scripts
from fleet.topics.containers import observing as containers
from fleet.topics.containers import preflight_scripts
from fleet.topics.copies import observing as copies
from fleet.topics.databases import observing as databases
from fleet.topics.nodes import WHO_AS_ROOT
from fleet.topics.schedules.observe import ALL, OWN, ask
from fleet.topics.services.observing import SWARM
from fleet.topics.volumes import SHELL_USAGE
from remediate.audit_rights import END, helper, installer
from remediate.leave import traces

ID = "4f" * 32
JUDGING = helper().partition(END)[0]


@pytest.fixture
def dumps(tmp_path: Path) -> str:
    """A directory with a dump, and with a link in the place of one."""
    (tmp_path / "backup_1.sql.gz").write_bytes(b"")
    (tmp_path / "link.sql.gz").symlink_to("backup_1.sql.gz")
    return str(tmp_path.resolve())


def passes(*words: str, limit: str = "30", **environment: str) -> bool:
    """Whether the helper would run these words. It is cut off before it does."""
    call = ["/bin/sh", "-c", JUDGING, "sh", limit, *words]
    done = subprocess.run(call, capture_output=True, check=False, env=environment)
    assert done.returncode in (0, 64, 77), done
    return done.returncode == 0


def run(script: str, *arguments: str) -> bool:
    return passes("sh", "-c", script, "sh", *arguments)


CONSTANT = [WHO_AS_ROOT, OWN, ALL, SWARM, containers.INSPECT, containers.SCAN]


@pytest.mark.parametrize("command", CONSTANT, ids=str)
def test_every_constant_question_passes_and_with_one_more_word_it_does_not(command):
    assert passes(*command.words)
    assert not passes(*command.words, "x" if command.words[0] != "sh" or len(command.words) > 3 else "a", "b")
    assert not passes(*command.words[:-1])


def test_questions_with_arguments_pass(dumps):
    assert passes(*ask(["root", "/usr/bin/docker", "=/bin/sh"]).words)
    assert run(containers.ACCOUNTS, "1", "4711")
    assert run(preflight_scripts.START, "4711", "python3", "/start.sh")
    assert run(preflight_scripts.ACCESS, "4711", "www-data", "rw", "/srv/a b", "ro", "/x")
    assert run(preflight_scripts.DIFF, "4711", ID)
    assert run(listing.SHELL_OBSERVE, "rodan_pg_backup", "", "")
    assert run(listing.SHELL_OBSERVE, "rodan_pg_backup", "/srv/dumps", "daily")
    assert run(SHELL_USAGE, "rodan_pg_backup", "")
    assert run(SHELL_VERIFY, dumps, "sql", "rodan_postgres", "./backup_1.sql.gz")
    assert run(SHELL_VERIFY, dumps, "dump", "", "./backup_1.sql.gz", "./gone by now")
    assert run(copies.SHELL_DIGEST, dumps, "./backup_1.sql.gz")
    assert passes(*traces().words)
    assert run(copies.SHELL_COPIES, "/srv/copies of dumps")
    assert run(databases.SHELL_RECORDS, "/var/lib/fleetkeeper/backups-postgres.json")
    assert run(databases.SHELL_CLUSTERS, databases.ASK, "lab/postgres", "", "rodan", "auth_user", "public.job")


@pytest.mark.parametrize(
    "question",
    [
        scripts.look_inside(ID),
        scripts.look_inside(ID, ["a.example", "2001:db8::7", "/etc/rabbitmq/server cert.pem"]),
        scripts.in_container(ID, scripts.handshake("127.0.0.1:443", ("-servername", "a.example"))),
        scripts.in_container(ID, scripts.handshake("127.0.0.1:5432", ("-noservername", "-starttls", "postgres"))),
        scripts.in_container(ID, scripts.old_handshake("[::1]:443", ("-noservername",))),
        scripts.in_container(ID, scripts.headers("127.0.0.1:443", "a.example", ("-servername", "a.example"))),
    ],
    ids=str,
)
def test_questions_about_certificates_pass_in_a_container(question):
    assert passes(*question.words)
    assert not passes(*question.words, "-keylogfile")
    assert not passes(*(word if word != ID else "--privileged" for word in question.words))
    assert not passes(*(word if word != scripts.MARK else "x" for word in question.words))


@pytest.mark.parametrize(
    ("script", "arguments"),
    [
        (preflight_scripts.ACCESS, ("4711", "www-data", "rw", "-delete")),
        (preflight_scripts.ACCESS, ("4711/../1", "www-data", "rw", "/srv")),
        (preflight_scripts.ACCESS, ("4711", "a\nb", "rw", "/srv")),
        (preflight_scripts.DIFF, ("4711", "--help")),
        (preflight_scripts.START, ("", "x")),
        (containers.ACCOUNTS, ("1", "self")),
        (databases.SHELL_RECORDS, ("/etc/shadow",)),
        (databases.SHELL_RECORDS, ("/var/lib/fleetkeeper/backups-/../../../../etc/x.json",)),
        (databases.SHELL_RECORDS, ("/var/lib/fleetkeeper/backups-x.json\n",)),
        (databases.SHELL_CLUSTERS, ("id", "postgres", "", "")),
        (databases.SHELL_CLUSTERS, (databases.ASK, "postgres", "", "host=192.0.2.1 user=x")),
        (databases.SHELL_CLUSTERS, (databases.ASK, "postgres", "-c", "")),
        (copies.SHELL_DIGEST, ("/dev", "./null")),
        (copies.SHELL_DIGEST, ("/proc/self/root/dev", "./null")),
        (copies.SHELL_DIGEST, ("/nowhere/there", "./x")),
        (copies.SHELL_COPIES, ("-x",)),
        (copies.SHELL_DIGEST, ("relative", "./x")),
    ],
)
def test_an_argument_that_could_mean_something_else_is_refused(script, arguments):
    assert not run(script, *arguments)


def test_files_are_named_in_the_directory_and_never_through_a_link(dumps):
    for name in ("./link.sql.gz", "./../x", "/etc/shadow", "-x", "./"):
        assert not run(copies.SHELL_DIGEST, dumps, name)


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


def shown(path: Path, asker: str = "1000") -> bool:
    return passes(*ask([f"={path}"]).words, SUDO_UID=asker)


def test_a_script_behind_a_schedule_is_shown_if_it_can_be_run(script):
    assert shown(script)
    assert shown(Path("/bin/sh"))
    assert not shown(script.parent)
    script.chmod(0o644)
    assert not shown(script)


def test_a_script_is_shown_only_where_who_asks_cannot_put_another_file_in_its_place(script, tmp_path):
    os.chown(script, 4711, 4711)
    assert shown(script)
    assert not shown(script, asker="4711")
    os.chown(script.parent, 4712, 4712)
    assert not shown(script)
    os.chown(script.parent, 0, 0)
    script.parent.chmod(0o777)
    assert not shown(script)
    script.parent.chmod(0o755)
    link = script.with_name("link")
    link.symlink_to(script)
    assert shown(link)
    os.chown(link, 1000, 1000, follow_symlinks=False)
    assert not shown(link)
    assert not shown(Path("/nowhere/there"))
    (tmp_path / "mine").symlink_to("/bin/sh")
    assert not shown(tmp_path / "mine")


@pytest.mark.parametrize("limit", ["", "-1", "1e9", "1234567", "5; id", "$(id)"])
def test_a_limit_is_a_number_of_seconds(limit):
    assert not passes("id", "-u", limit=limit)


@pytest.mark.parametrize(
    "words",
    [
        (), ("id",), ("sh",), ("sh", "-c", "id"), ("sh", "-c", containers.INSPECT.words[2] + "\n"),
        ("crontab", "-r"), ("docker", "ps"), ("/bin/sh", *containers.INSPECT.words[1:]),
    ],
)  # fmt: skip
def test_nothing_else_passes(words):
    assert not passes(*words)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=8), max_size=5))
@example(["=text_0", "*"])
@example(["(", "="])
def test_no_words_at_random_pass(words):
    assert not passes(*words)


def asking_as_root() -> Counter[str]:
    """How many commands for root each module of a topic makes."""
    found: Counter[str] = Counter()
    for path in Path(topics.__file__).parent.rglob("*.py"):
        found[f"{path.parent.name}/{path.stem}"] += sum(map(for_root, ast.walk(ast.parse(path.read_text()))))
    return +found


def for_root(node: ast.AST) -> bool:
    return isinstance(node, ast.keyword) and node.arg == "sudo" and ast.unparse(node.value) == "True"


def test_whoever_adds_a_question_for_root_adds_it_to_the_helper():
    """Those of `completeness` are two: `prove` is a condition of a repair, and no audit asks it."""
    assert asking_as_root() == {
        "backups/completeness": 2,
        "backups/listing": 1,
        "certificates/scripts": 1,
        "containers/observing": 3,
        "containers/preflight": 3,
        "copies/observing": 2,
        "databases/observing": 2,
        "schedules/observe": 3,
        "services/observing": 1,
        "topics/nodes": 1,
        "topics/volumes": 1,
    }, "give it a form in remediate/audit_rights.py, test that it passes, and count it here"


def test_the_helper_runs_what_passes_without_the_callers_environment(tmp_path):
    done = subprocess.run(
        ["/bin/sh", "-c", helper(), "sh", "5", "id", "-u"], capture_output=True, text=True, check=True,
        env={"PATH": str(tmp_path), "DOCKER_CONFIG": "/tmp/evil"},
    )  # fmt: skip
    assert (done.stdout, done.stderr) == (f"{os.getuid()}\n", "fleet-started\n")
    assert 'exec env -i PATH="$PATH"' in END


@pytest.mark.parametrize("shell", [("bash", "--posix"), ("busybox", "sh")], ids=" ".join)
def test_the_helper_judges_alike_in_other_shells(shell: tuple[str, str], dumps: str) -> None:
    if not shutil.which(shell[0]):
        pytest.skip(f"no {shell[0]} here")

    def allowed(*words: str) -> bool:
        call = [*shell, "-c", JUDGING, "sh", "9", *words]
        return subprocess.run(call, capture_output=True, check=False).returncode == 0

    assert allowed("id", "-u")
    assert allowed("sh", "-c", copies.SHELL_DIGEST, "sh", dumps, "./backup_1.sql.gz")
    assert allowed(*scripts.in_container(ID, scripts.handshake("[::1]:443", ("-servername", "a.example"))).words)
    assert not allowed("sh", "-c", copies.SHELL_DIGEST, "sh", dumps, "./link.sql.gz")
    assert not allowed("sh", "-c", preflight_scripts.DIFF, "sh", "4711", "--help")
    assert not allowed("sh", "-c", preflight_scripts.ACCESS, "sh", "4711", "a\nb", "rw", "/srv")
    assert not allowed("sh", "-c", "id")


@pytest.mark.parametrize("shell", ["/bin/sh", "bash"])
def test_the_helper_and_its_installer_are_sound_shell(shell):
    for text in (helper(), installer("fleetkeeper")):
        subprocess.run([shell, "-n"], input=text, text=True, check=True)


def test_an_account_for_audits_gets_the_helper_where_root_is_needed():
    text = render([Command(("id", "-u"), sudo=True), Command(("id",))], sudo="audit").text.decode()
    assert f"sudo -n -- {HELPER}" in text
    assert "\nr 2 30 id -u\n" in text
    assert "\ne 30 id\n" in text


def test_an_account_for_audits_cannot_open_anything_for_writing():
    with pytest.raises(Unobservable, match="may only look"):
        render_stream(("cat",), sudo="audit")
    assert isinstance(render_stream(("cat",), sudo=True), Script)
    with pytest.raises(Unobservable, match="may only look"):
        LocalLink(sudo="audit").open(("cat",), sudo=True)
