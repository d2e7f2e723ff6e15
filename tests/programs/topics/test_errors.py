"""The look at logs, on processes with mount namespaces of their own, as those of containers have them."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetkeeper.readers.output_pieces import pieces_of
from fleetkeeper.topics.errors.digests import digests_of
from fleetkeeper.topics.errors.facts import Digest, Inside
from fleetkeeper.topics.errors.observe import look_at_logs, read_errors
from fleetkeeper.topics.errors.parse import parse_inside, parse_shipper
from fleetkeeper.transport.commands import Output, Unobservable
from fleetkeeper.transport.script_files import load_script
from tests.programs.transport.test_shell_functions import each_shell

CANARY = "canary-4f7a"
CONTAINED = """
mount -t tmpfs none "$1" && mkdir "$1/log" &&
exec 3>>"$2/own.log" 4>>"$1/log/a
=b" 5<"$2/read.log" 6>"$2/data" && echo ok && exec sleep 60
"""
ID = "4f" * 32
BARE = {"LC_ALL": "C", "PATH": os.environ["PATH"]}


@pytest.fixture
def process_apart(tmp_path: Path) -> Iterator[int]:
    """A process with its own mounts, two logs open for writing, and a value that nobody may see."""
    if os.getuid():
        pytest.skip("needs root")
    (tmp_path / "memory").mkdir()
    (tmp_path / "read.log").write_text(CANARY)
    environment = os.environ | {
        "SENTRY_DSN": f"https://{CANARY}@sentry.example.org/1",
        "SENTRY_DSN_OFF": "disabled",
        "SENTRY_DSN_FILE": "/run/secrets/x",
        "SENTRY_RELEASE": CANARY,
        "SENTRY_EMPTY": "",
        "PASSWORD": CANARY,
    }
    words = ["unshare", "--mount", "sh", "-c", CONTAINED, "sh", str(tmp_path / "memory"), str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ok\n"
        yield process.pid
        process.kill()


def run_look(shell: tuple[str, ...], *words: str) -> str:
    script = look_at_logs(()).words[2]
    done = subprocess.run([*shell, "-c", script, "sh", *words], capture_output=True, text=True, check=True)
    assert CANARY not in done.stdout + done.stderr
    return done.stdout


@each_shell
def test_open_logs_programs_and_names_of_variables_are_seen_and_no_value(
    shell: tuple[str, ...], process_apart: int, tmp_path: Path
) -> None:
    printed = run_look(shell, str(process_apart))
    [piece] = [piece for piece in pieces_of(printed, "a look") if piece.name == "container"]
    inside = parse_inside(piece)
    assert isinstance(inside, Inside)
    logs = {log.path: (log.mount, log.kind) for log in inside.files}
    memory = str(tmp_path / "memory")
    assert logs[f"{memory}/log/a?=b"] == (memory, "tmpfs")
    assert set(logs) == {f"{memory}/log/a?=b", f"{tmp_path}/own.log"}
    stat = (tmp_path / "own.log").stat()
    assert f"{stat.st_dev}:{stat.st_ino}" in {log.number for log in inside.files}
    assert (inside.filled, inside.package) == (("SENTRY_DSN", "SENTRY_RELEASE"), None)
    assert [Path(program).name for program in inside.programs] == ["sleep"]


@each_shell
def test_a_process_that_has_gone_is_hidden(shell: tuple[str, ...]) -> None:
    [piece] = [piece for piece in pieces_of(run_look(shell, "4194303"), "a look") if piece.name == "container"]
    assert piece.lines == ("hidden",)


@each_shell
def test_whoever_reads_the_log_of_a_container_is_seen_and_who_writes_it_or_only_looks_is_not(
    shell: tuple[str, ...], tmp_path: Path
) -> None:
    log = tmp_path / f"{ID}-json.log"
    log.write_text("")
    with (
        subprocess.Popen(["sleep", "30"], stdin=log.open()) as reader,
        subprocess.Popen(["sleep", "30"], stdout=log.open("a")) as writer,
        subprocess.Popen(["tail", "-f", str(log)]) as person,
    ):
        printed = run_look(shell)
        for process in (reader, writer, person):
            process.kill()
    shippers = [parse_shipper(piece) for piece in pieces_of(printed, "a look") if piece.name == "shipper"]
    reading = [shipper for shipper in shippers if ID in shipper.containers]
    assert [shipper.name for shipper in reading] == ["sleep"]
    stat = log.stat()
    assert f"{stat.st_dev}:{stat.st_ino}" in reading[0].files


@each_shell
def test_a_search_stays_in_the_container_and_says_whether_it_went_to_the_end(
    shell: tuple[str, ...], tmp_path: Path
) -> None:
    root = tmp_path / "root"
    packages = root / "usr/local/lib/python3.9/site-packages"
    packages.mkdir(parents=True)
    (tmp_path / "outside" / "sentry_sdk").mkdir(parents=True)
    (root / "opt").symlink_to(tmp_path / "outside")
    script = look_at_logs(()).words[2]
    body = script[script.index("search() {") : script.index("for pid in $firsts; do\n  printf '=container")]
    body = body.replace('"/proc/$1/root/"', f'"{root}/"')
    rows = script[script.index("rows() {") :].split("\n")[0]

    def search() -> str:
        words = [*shell, "-c", f"{rows}\n{body}\nsearch 1", "sh"]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout

    assert search() == " searched\n"
    (packages / "sentry_sdk").mkdir()
    assert search() == " package /usr/local/lib/python3.9/site-packages/sentry_sdk\n"


DOCKER = """#!/bin/sh
[ "$1" = logs ] && { cat "$LOG"; exit "${STATUS:-0}"; }
printf '"%s"\\n' PATH=/bin API_TOKEN=canary-token DATABASE_URL=postgres://u:canarypass@db/x LEVEL=ERROR
"""
SHOUTED = (
    rb"""INFO canary-token is no error
2026-11-30 10:00:00 UTC [7] ERROR:  duplicate key value violates unique constraint "users_mail_key"
2026-11-30 10:00:00 UTC [7] DETAIL:  Key (mail)=(rowvalue@example.org) already exists. ERROR
2026-11-30 10:00:00 UTC [7] STATEMENT:  insert into x values (rowvalue,
	ERROR rowvalue)
2026-11-30 10:00:00 UTC [7] CONTEXT:  COPY x, line 1: ERROR "rowvalue"
2026-11-30 10:00:00 UTC [7] QUERY:  select ERROR rowvalue
2026-11-30 10:00:01 UTC [8] ERROR:  duplicate key value violates unique constraint "users_name_key"
ERROR token canary-token and canarypass, and canary-of-a-file; environ-canary
ERROR password=canary-a password: canary-b, Authorization: Bearer canary-c https://u:canary-d@h/x
ERROR "canary-e" 'canary-f' of canary-g@example.org key eyJhbGciOiJIUzI1canaryNiJ9
{"level":"error","msg":"no \"canary-h\"","user":"canary-i"}
[2026-11-30 10:00:00,1: ERROR/ForkPoolWorker-3] Task run[0a1b2c3d-0000] raised ValueError('rowvalue')
Traceback (most recent call last):
  File "/x.py", line 3, in ERROR
ValueError: rowvalue
=container ffff
 9 forged kind
S0
"""
    + b"\x1b[31mERROR\x1b[0m \xff\xfe\x00\x07 \xe2\x80\xae x\n"
    + b"ERROR "
    + b"y" * 10_000_000
)


def run_digest(shell: tuple[str, ...], folder: Path, pid: int, content: bytes, **environment: str) -> str:
    docker = folder / "bin" / "docker"
    docker.parent.mkdir(exist_ok=True)
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    (folder / "log").write_bytes(content)
    script = read_errors(()).words[2]
    settings = {
        "PATH": f"{docker.parent}:{os.environ['PATH']}",
        "DOCKER_HOST": "unix:///nowhere.sock",
        "LOG": str(folder / "log"),
        **environment,
    }
    words = [*shell, "-c", script, "sh", f"{ID}:{pid}"]
    done = subprocess.run(words, capture_output=True, check=True, env=settings)
    assert b"canary" not in done.stdout + done.stderr
    assert b"rowvalue" not in done.stdout + done.stderr
    return done.stdout.decode("utf-8", "surrogateescape")


@pytest.fixture
def talking_process(tmp_path: Path) -> Iterator[int]:
    """A process with mounts of its own, secrets in its files and in its environment."""
    if os.getuid():
        pytest.skip("needs root")
    starting = "mount -t tmpfs none /run && mkdir /run/secrets && echo canary-of-a-file >/run/secrets/db && "
    starting += "ln -s /etc/passwd /run/secrets/link && echo ok && exec sleep 60"
    environment = os.environ | {"APP_SECRET": "environ-canary"}
    words = ["unshare", "--mount", "sh", "-c", starting]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ok\n"
        yield process.pid
        process.kill()


@each_shell
def test_errors_are_counted_by_kind_and_no_line_no_row_and_no_secret_leaves_the_node(
    shell: tuple[str, ...], talking_process: int, tmp_path: Path
) -> None:
    printed = run_digest(shell, tmp_path, talking_process, SHOUTED)
    digest = digests_of(Output(0, printed.encode("utf-8", "surrogateescape")))[ID]
    assert isinstance(digest, Digest)
    kinds = {kind.mask: kind.count for kind in digest.kinds}
    assert kinds['ERROR: duplicate key value violates unique constraint "..."'] == 2
    assert "[0-0-0 0:0:0,0: ERROR/ForkPoolWorker-0] Task run[0] raised ValueError('...')" in kinds
    assert not any("forged" in mask or "ffff" in mask for mask in kinds)
    assert all(mask.isprintable() and len(mask) <= 300 for mask in kinds)
    assert len(printed) < 4000
    assert digest.lines > 15


@each_shell
def test_a_log_that_cannot_be_read_or_not_be_masked_is_unknown(shell: tuple[str, ...], tmp_path: Path) -> None:
    refused = b"Error response from daemon: configured logging driver does not support reading\n"
    for pid, content, status in ((os.getpid(), refused, "1"), (4194303, b"ERROR canary\n", "0")):
        printed = run_digest(shell, tmp_path, pid, content, STATUS=status)
        assert isinstance(digests_of(Output(0, printed.encode()))[ID], Unobservable)


def test_a_hundred_thousand_lines_are_masked_in_a_few_seconds_of_processor_time() -> None:
    """A second or two on a machine that has nothing else to do."""
    lines = SHOUTED.split(b"\n")[:15] * 6667
    program = load_script("fleetkeeper/topics/errors/scripts/mask_errors.awk")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    text = b"".join(b"L" + line + b"\n" for line in lines) + b"S0\n"
    done = subprocess.run(["awk", program], input=text, capture_output=True, check=True, env={"LC_ALL": "C"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert f" read {len(lines)}" in done.stdout.decode()
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 8


def mask_lines(text: str) -> str:
    program = load_script("fleetkeeper/topics/errors/scripts/mask_errors.awk")
    done = subprocess.run(["awk", program], input=text, capture_output=True, check=True, text=True, env={"LC_ALL": "C"})
    return done.stdout


def test_a_value_that_begins_with_another_is_masked_whole() -> None:
    assert "horse" not in mask_lines("E4rodan\nE4rodan-secret-horse\nLERROR: no rodan-secret-horse here\nS0\n")


def test_a_log_of_a_container_with_more_values_than_are_masked_is_unknown() -> None:
    values = "".join(f"E4horse{chr(97 + at % 26)}{at}\n" for at in range(1001))
    printed = mask_lines(values + "LERROR: canary\nS0\n")
    assert "canary" not in printed
    assert printed.endswith(" status \n")


def test_a_value_that_stands_in_several_places_counts_once() -> None:
    values = "".join(f"E4horse-{at}\n" for at in range(300)) * 4
    assert "canary" not in mask_lines(values + "E4canary-word\nLERROR: canary-word here\nS0\n")


AWKS = [words for words in (["mawk"], ["gawk"], ["busybox", "awk"], ["original-awk"]) if shutil.which(words[0])]


@pytest.mark.parametrize("words", AWKS, ids=" ".join)
@pytest.mark.parametrize(
    "line",
    [
        "ОПЕРАТОР:  insert into x values (ERROR canary)",
        "2026-01-01 [7] DETAIL:  Key (mail)=(ERROR:  canary) exists",
        """{"error_severity":"ERROR","message":"Mrs canary has none","detail":"Key (mail)=(canary)"}""",
        """CRITICAL said ''canary'' and ""canary"" """,
        """2026-01-01 00:00:00.1 UTC,"u","db",7,"[local]",ERROR,23505,"dup","(x)",,,"insert 'x',\nERROR canary)",,,""",
        """{"level":"error","err":"canary"}""",
        "ERROR Cookie: session=canary; a=canary",
    ],
)
def test_values_of_rows_are_masked_in_each_shape_of_a_log_by_each_awk(words: list[str], line: str) -> None:
    program = load_script("fleetkeeper/topics/errors/scripts/mask_errors.awk")
    text = "".join(f"L{part}\n" for part in line.split("\n")) + "LERROR afterwards\nS0\n"
    done = subprocess.run([*words, program], input=text.encode(), capture_output=True, check=True, env=BARE)
    printed = f"=container {ID}\n".encode() + done.stdout + b"=end\n"
    digest = digests_of(Output(0, printed))[ID]
    assert isinstance(digest, Digest)
    masks = [kind.mask for kind in digest.kinds]
    assert not any("canary" in mask for mask in masks)
    assert "ERROR afterwards" in masks
