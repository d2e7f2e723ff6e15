"""Lines that we install in crontabs: really run by dash and by BusyBox, and what may stand in them."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from fleetkeeper.readers.cron.crontab import cut_at_percent, parse
from fleetkeeper.readers.docker.docker_exec import docker_executions
from fleetkeeper.readers.docker.exec_targets import resolve_target
from fleetkeeper.readers.docker.labels import COMPOSE_PROJECT, COMPOSE_SERVICE, SWARM_SERVICE
from fleetkeeper.topics.containers.facts import Container, Mount
from fleetkeeper.untrusted import Untrusted
from remediate.plan import ForAPerson
from remediate.remedies.certificates.renewal import prepare_renewal
from remediate.remedies.schedules.crontab_lines import CERTBOTS, DOCKERS, container_filters, crontab_line
from remediate.remedies.schedules.entries import entry_line, schedule_backup
from tests.example_fleets import certificates, schedules
from tests.example_fleets.backups import make_policy
from tests.example_fleets.schedules import POSTGRES

GOOD = "head -c 300 /dev/urandom > {dir}/backup_2026_11_29T12_00_00.sql.gz"
EMPTY = "gzip < /dev/null > {dir}/backup_2026_11_29T12_00_00.sql.gz"
OK, ERROR = "-t fleetkeeper postgres: ", "-t fleetkeeper -p user.err postgres: "
TOOLS = ("find", "mktemp", "rm", "sh", "head", "gzip", "cat", "true", "mkdir")
SEEN = SimpleNamespace(docker=("/usr/bin/docker",))


class Node:
    """A node whose docker runs what is executed on this machine, below one folder, with a short `sleep`."""

    def __init__(self, folder: Path, shell: str) -> None:
        self.folder, self.shell = folder, shell
        self.backups = folder / "backups"
        self.backups.mkdir()
        self.inside = folder / "inside"
        self.inside.mkdir()
        for tool in TOOLS:
            where = "/bin/busybox" if shell == "busybox" else f"/usr/bin/{tool}"
            (self.inside / tool).symlink_to(Path(where).resolve() if shell == "busybox" else where)
        self.program("logger", f'echo "$@" >> {folder}/log')
        # BusyBox' `find -newer` compares whole seconds.
        self.program("sleep", "exec /bin/sleep " + ("1" if shell == "busybox" else "0.03"))

    def program(self, name: str, text: str, inside: bool = False) -> None:
        path = (self.inside if inside else self.folder) / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def log(self, backup: str, ids: str = "one", inside: str = 'PATH=$INSIDE exec "$@"') -> str:
        """What is logged when the line is due; `backup` is the script in the container."""
        self.program("backup", f"echo run >> {self.folder}/ran\n" + backup.format(dir=self.backups), inside=True)
        run = f"INSIDE={self.inside}\ncase $1 in ps) echo {ids};; exec) shift 2; {inside};; esac"
        self.program("docker", run)
        mount = Mount("volume", "/x", str(self.backups), "rodan_pg_backup")
        line = entry_line(make_policy(), replace(POSTGRES, mounts=(mount,)), SEEN)  # type: ignore[arg-type]
        command = cut_at_percent(parse(f"{line}\n".encode(), system=False).jobs[0].command)[0]
        command = command.replace("/usr/bin/docker", f"{self.folder}/docker")
        words = [self.shell, "sh", "-c", command] if self.shell == "busybox" else [self.shell, "-c", command]
        done = subprocess.run(words, capture_output=True, env={"PATH": f"{self.folder}:/usr/bin:/bin"}, check=False)
        assert (done.stdout, done.stderr) == (b"", b"")
        return (self.folder / "log").read_text()


@pytest.fixture(params=["dash", "busybox"])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Node:
    # Names of pytest's own folders hold brackets, which no line takes.
    folder = Path(str(tmp_path).replace("[", "_").replace("]", "_")) / "node"
    folder.mkdir(parents=True)
    return Node(folder, request.param)


def test_a_new_file_after_exit_0_is_a_success(node: Node) -> None:
    assert node.log(GOOD) == f"{OK}the backup command ended well, with a new file\n"


@pytest.mark.parametrize(
    "backup",
    [EMPTY, "true", "pwd > {dir}/notes.txt", "mkdir {dir}/backup_2026.sql.gz", GOOD.replace(".sql.gz", ".sql.gz.part")],
    ids=["an empty gzip", "nothing", "another file", "a directory", "a part"],
)
def test_exit_0_without_a_new_backup_is_a_failure_although_an_old_one_is_there(node: Node, backup: str) -> None:
    (node.backups / "backup_2026_11_29T00_00_00.sql.gz").write_bytes(b"x" * 5000)
    assert node.log(backup) == f"{ERROR}exit status 0, no new file seen\n"
    assert list(node.folder.glob("tmp*")) == []


def test_a_failed_command_is_a_failure_whatever_it_wrote(node: Node) -> None:
    assert node.log(f"{GOOD}; echo SECRET; echo SECRET >&2; exit 7") == f"{ERROR}the backup command failed\n"


@pytest.mark.parametrize(("ids", "number"), [("", 0), ("a b", 2)])
def test_without_exactly_one_container_nothing_is_run(node: Node, ids: str, number: int) -> None:
    assert node.log(GOOD, ids) == f"{ERROR}not 1 but {number} containers run\n"
    assert not (node.folder / "ran").exists()


@pytest.mark.parametrize("missing", ["mktemp", "find"])
def test_where_the_container_lacks_a_tool_the_backup_is_made_and_success_is_not_claimed(
    node: Node, missing: str
) -> None:
    refuse = (
        f'[ "$1" != {missing} ] || {{ echo "OCI runtime exec failed: /nothing"; exit 127; }}; PATH=$INSIDE exec "$@"'
    )
    assert node.log(GOOD, inside=refuse) == f"{ERROR}exit status 0, no new file seen\n"
    assert (node.folder / "ran").read_text() == "run\n"


def test_our_own_reader_still_takes_the_line_for_the_backup() -> None:
    line = entry_line(make_policy(), POSTGRES, SEEN)  # type: ignore[arg-type]
    [run] = [
        docker_execution
        for docker_execution in docker_executions(
            cut_at_percent(parse(f"{line}\n".encode(), system=False).jobs[0].command)[0]
        )
        if docker_execution.runs(["backup"])
    ]
    assert resolve_target(run.target, [POSTGRES, schedules.NGINX]) == (POSTGRES,)


HOSTILE = (
    "x$(touch canary)",
    "x`touch canary`",
    "x;touch canary",
    "x|y",
    "x y",
    "x'y",
    'x"y',
    "x%y",
    "x\ny",
    "x\0y",
    "x\x1by",
    "-x",
    "../x",
    "x\u202ey",
    "x\u200by",
    "é",
    "a" * 300,
    "x\\",
    "x*",
    "(.+)+!",
)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("labels", [(SWARM_SERVICE,), (COMPOSE_SERVICE,), (COMPOSE_PROJECT,), ()])
def test_no_line_is_made_with_a_label_or_a_name_that_is_not_plain(text: str, labels: tuple[str, ...]) -> None:
    given = {COMPOSE_SERVICE: "postgres", COMPOSE_PROJECT: "p", **dict.fromkeys(labels, text)} if labels else {}
    name = f"{text}.1.x" if SWARM_SERVICE in labels else text if not labels else "p-postgres-1"
    with pytest.raises(Untrusted):
        container_filters(Container("4f", name, labels=given))


def test_the_swarms_label_counts_only_where_the_name_agrees() -> None:
    task = Container("4f", "rodan_web.1.abc", labels={SWARM_SERVICE: "rodan_web", COMPOSE_SERVICE: "web"})
    assert container_filters(task) == [f"label={SWARM_SERVICE}=rodan_web"]
    planted = Container(
        "4f", "p-web-1", labels={SWARM_SERVICE: "rodan_web", COMPOSE_SERVICE: "web", COMPOSE_PROJECT: "p"}
    )
    assert (planted.service, planted.belongs_to("rodan_web"), planted.belongs_to("p/web")) == ("web", False, True)
    with pytest.raises(Untrusted, match="its image"):
        container_filters(planted)
    with pytest.raises(Untrusted):
        container_filters(Container("4f", "cache", labels={SWARM_SERVICE: "rodan_web"}))


@pytest.mark.parametrize("certbot", ["certbot renew; touch canary; :", "certbot; touch canary #", "/tmp/certbot", "$X"])
def test_certbot_is_only_called_where_it_is_known_to_be(certbot: str) -> None:
    inside = replace(certificates.INSIDE, certbot=certbot)
    fleet = certificates.certificate_fleet(replace(certificates.FACTS, renewals=(), inside=(inside,)))
    [match] = [
        f for f in certificates.verdict_of("will_renew", fleet).findings if f.want == "certbot renew, twice a day"
    ]
    answer = prepare_renewal(match, fleet)
    assert isinstance(answer, ForAPerson)
    assert "certbot in the container" in answer.why


def test_docker_is_only_called_where_it_is_known_to_be() -> None:
    machine = schedules.Machine({}, docker=("/tmp/$(touch canary)/docker",))
    fleet = schedules.schedule_fleet(machine)
    [match] = schedules.verdict_of(fleet).findings
    answer = schedule_backup(match, fleet)
    assert isinstance(answer, ForAPerson)
    assert "the path of docker" in answer.why
    assert len({*DOCKERS, *CERTBOTS}) == len(DOCKERS) + len(CERTBOTS)


@pytest.mark.parametrize(
    ("times", "command"),
    [("0 0 * *", "x"), ("0 0 L * *", "x"), ("0 0 * * *", "x\ny"), ("@daily", "x"), ("* * * * *", "a" * 999)],
)
def test_what_cron_would_not_read_as_meant_is_no_line(times: str, command: str) -> None:
    with pytest.raises(Untrusted):
        crontab_line(times, command)


def test_a_percent_sign_is_escaped_as_cron_wants_it() -> None:
    assert crontab_line(" 0  0 * * * ", "date +%F") == r"0 0 * * * date +\%F"
