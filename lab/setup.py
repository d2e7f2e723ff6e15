"""What a production has beyond its stack: two years of backups, a certificate, and the entry in cron."""

import io
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from lab import acme, compose, dumps, nodes, swarm
from lab.engine import Engine
from lab.names import BACKUPS, COPIES, MANAGER, NODES, Node
from lab.shell import wait_until

ENTRY = "0 0,12 * * * docker exec $(docker ps -q -f name=postgres) backup"
RENEWAL = (
    "25 3,15 * * * docker exec $(docker ps -q -f label=com.docker.swarm.service.name=rodan_nginx)"
    " certbot renew -q --deploy-hook 'nginx -s reload'"
)
BEFORE = {
    "manager": f"# m h dom mon dow command\n17 4 * * 1 docker system df > /var/log/docker-df.log 2>&1\n{RENEWAL}\n",
    "vgpu": "# m h dom mon dow command\n30 5 * * 1 df -h > /var/log/df.log\n",
}


def furnish_lab(engine: Engine) -> None:
    """Fill the backup volume, get the certificate, write the crontabs, start the wiki: at once, as services come up."""
    jobs = (fill_backups, issue_certificate, write_crontabs, compose.start_wiki)
    with ThreadPoolExecutor(len(jobs)) as pool:
        for work in [pool.submit(job, engine) for job in jobs]:
            work.result()


def fill_backups(engine: Engine) -> None:
    wait_within(engine, "postgres", "pg_isready -q -h 127.0.0.1")
    dump = real_dump(engine)
    with tempfile.TemporaryDirectory() as work:
        dumps.fill_directory(Path(work), datetime.now(UTC), dump)
        put_backups(engine, Path(work))
    copy_elsewhere(engine)


def copy_elsewhere(engine: Engine) -> None:
    """Have the second place hold what the volume holds, as whatever makes the copies would."""
    script = 'mkdir -p -m 700 "$2" && cp -an "$1"/backup_* "$2/"'
    nodes.run_on(engine, MANAGER, "sh", "-c", script, "sh", BACKUPS, COPIES)


def wait_within(engine: Engine, service: str, test: str) -> None:
    """Wait until a service answers: until the bash command `test` succeeds in its container."""
    node, container = swarm.home_of_service(engine, service)
    words = ("docker", "exec", container, "bash", "-c", test)
    wait_until(
        lambda: nodes.attempt_on(engine, node, *words).returncode == 0, f"{service} to answer", limit=180, every=0.2
    )


def real_dump(engine: Engine) -> bytes:
    return swarm.run_within(engine, "postgres", *dumps.TAKE).encode()


def put_backups(engine: Engine, directory: Path) -> None:
    """Copy every file of a directory into the shared backup volume, with its times, owned by postgres."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path in sorted(directory.iterdir()):
            entry = tar.gettarinfo(path, arcname=path.name)
            entry.uid, entry.gid = dumps.UID, dumps.GID
            entry.uname = entry.gname = ""
            with path.open("rb") as content:
                tar.addfile(entry, content)
    nodes.run_on(engine, MANAGER, "tar", "-x", "-C", BACKUPS, given=packed.getvalue())


def issue_certificate(engine: Engine) -> None:
    acme.keep_roots(engine)
    wait_within(engine, "nginx", "exec 3<>/dev/tcp/127.0.0.1/80")
    swarm.run_within(engine, "nginx", "issue", limit=90)


def write_crontabs(engine: Engine) -> None:
    home, _ = swarm.home_of_service(engine, "postgres")
    for node in NODES:
        text = BEFORE.get(node.name, "") + (f"{ENTRY}\n" if node == home else "")
        if text:
            set_crontab(engine, node, text)


def root_crontab(engine: Engine, node: Node) -> str:
    return nodes.attempt_on(engine, node, "crontab", "-u", "root", "-l").stdout.decode()


def set_crontab(engine: Engine, node: Node, text: str) -> None:
    nodes.run_on(engine, node, "crontab", "-u", "root", "-", given=text.encode())
