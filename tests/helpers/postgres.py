"""A real server of postgres for tests: private, on a socket in a temporary folder, asked by the scripts of ours.

`docker exec` is replaced: the same scripts run here, with the shell, against that server.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from fleetkeeper.transport.commands import Command, Output
from tests.helpers.local_nodes import FaultyLink

PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/usr/bin"))
AS_POSTGRES = ("setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups") if os.getuid() == 0 else ()
OPTIONS = "-c fsync=off -c full_page_writes=off -c max_connections=40 -c shared_buffers=32MB -c autovacuum=off"
THERE = (PROGRAMS / "initdb").exists()


@dataclass
class PrivateServer:
    """A running server. `run` is one of our scripts as it runs in the live container: its exit status and its words."""

    folder: Path
    shell: str = "sh"
    said: str = ""

    @property
    def environment(self) -> dict[str, str]:
        path = f"{PROGRAMS}:{os.environ['PATH']}"
        return {"PATH": path, "PGHOST": str(self.folder), "PGUSER": "postgres", "HOME": str(self.folder)}

    def program(self, *words: str) -> str:
        """One of the server's own programs, as the server's user."""
        done = subprocess.run(
            (*AS_POSTGRES, "env", *(f"{name}={value}" for name, value in self.environment.items()), *words),
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def printed_dump(self, *words: str) -> bytes:
        """What pg_dump or pg_dumpall prints, with these words."""
        return subprocess.run(words, env=self.environment, check=True, capture_output=True).stdout

    def start(self) -> None:
        options = f"-c listen_addresses= -c unix_socket_directories={self.folder} {OPTIONS}"
        data = str(self.folder / "data")
        self.program("pg_ctl", "-s", "-w", "-D", data, "-l", f"{data}.log", "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        self.program("pg_ctl", "-s", "-w", "-m", mode, "-D", str(self.folder / "data"), "stop")

    def sql(self, text: str, database: str = "postgres") -> str:
        words = ("psql", "-X", "-qAt", "-v", "ON_ERROR_STOP=1", "-d", database)
        done = subprocess.run(
            words, input=text, capture_output=True, text=True, check=False, env=self.environment, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def databases(self) -> dict[str, str]:
        """Names and oids, without those of postgres itself."""
        lines = self.sql("SELECT datname, oid FROM pg_database WHERE datname !~ '^(postgres|template.)$'").splitlines()
        return dict(line.split("|") for line in lines)

    def dump(self, database: str, *options: str) -> Path:
        """A dump as pg_dump writes it, in a file of its own."""
        path = self.folder / f"{database}-{len(list(self.folder.glob('*.sql')))}.sql"
        path.write_bytes(
            subprocess.run(
                ("pg_dump", *options, database), env=self.environment, check=True, capture_output=True
            ).stdout
        )
        return path

    def run(self, script: str, *words: str) -> int:
        done = subprocess.run(
            (self.shell, "-c", script, "sh", *words),
            capture_output=True,
            text=True,
            check=False,
            env=self.environment,
            timeout=120,
        )
        self.said = done.stderr
        return done.returncode


@contextmanager
def private_server(locale: str = "C.UTF-8") -> Iterator[PrivateServer]:
    """A new server, which ends with the block."""
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # the name of a socket is short
    server = PrivateServer(folder)
    try:
        if AS_POSTGRES:
            shutil.chown(folder, "postgres", "postgres")
        folder.chmod(0o755)
        words = ("-A", "trust", "-N", "-U", "postgres", "-E", "UTF8", f"--locale={locale}")
        server.program("initdb", *words, "-D", str(folder / "data"))
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class ServerLink(FaultyLink):
    """A node whose only container is the private server: what is asked in it runs here.

    `container` is the id of the one that runs now. `killed_after` ends the next script that changes something after so
    many seconds; the answer to that question from now on does not come back, although it was asked (`cut_at`),
    and neither does the first one to a script with these words (`lose`). One with
    the words of `slow` goes on by itself, held up for two seconds by a session that holds its lock, and its answer is
    lost at once. `drill` is what a throwaway container answers.
    """

    server: PrivateServer | None = None
    container: str = "f" * 64
    killed_after: float | None = None
    cut_at: int | None = None
    lose: str = ""
    slow: str = ""
    drill: Callable[[], Output] = lambda: Output(125, b"", b"docker: no such image")
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def ask(self, commands: Sequence[Command], room: int = 0) -> list[Output]:
        return [answer for command in commands for answer in [self.one(command)]]

    def one(self, command: Command) -> Output:
        self.asked.append(command.words)
        self.before(command.words)
        if "fleetkeeper=drill" in command.words:
            return self.drill()
        if self.slow and any(self.slow in word for word in command.words):
            self.slow = ""
            self.go_on(self.here(command).words)
            return Output(None, lost="the connection was lost", command=str(command))
        [answer] = self.inner.ask([self.here(command)])
        self.after(command.words)
        if self.cut_at is not None:
            self.cut_at -= 1
        if self.lose and any(self.lose in word for word in command.words):
            self.cut_at, self.lose = 0, ""
        if self.cut_at == 0:
            self.cut_at = None
            return Output(None, lost="the connection was lost", command=str(command))
        return answer

    def go_on(self, words: tuple[str, ...]) -> None:
        """Run a command that nobody waits for, beside a session that keeps it from its lock for two seconds."""
        assert self.server is not None
        holding = "BEGIN; LOCK pg_database IN SHARE MODE; SELECT pg_sleep(2); COMMIT;"
        psql = ("psql", "-X", "-qAt", "-d", "template1", "-c", holding)
        subprocess.Popen(psql, env=self.server.environment, stdout=subprocess.DEVNULL)
        time.sleep(0.5)
        subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def here(self, command: Command) -> Command:
        """The command as it runs on this machine."""
        words = command.words
        if words[:2] == ("docker", "inspect"):
            return replace(command, words=("echo", "true") if words[-1] == self.container else ("false",), sudo=False)
        if words[3:4] == ("find-container",):
            return replace(command, words=("echo", self.container), sudo=False)
        if words[:2] != ("docker", "exec"):
            return replace(command, sudo=False)
        assert self.server is not None
        if words[2] != self.container:
            return Command(("sh", "-c", "echo No such container >&2; exit 1"))
        environment = [f"{name}={value}" for name, value in self.server.environment.items()]
        return Command(("env", *environment, *self.deadly(words), *words[3:]), limit=command.limit)

    def deadly(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """What kills a script that changes something."""
        if self.killed_after is None or not any(part in words[5] for part in ("ALTER DATABASE", "DROP DATABASE")):
            return ()
        seconds, self.killed_after = self.killed_after, None
        return ("timeout", "-s", "KILL", f"{seconds:.3f}")
