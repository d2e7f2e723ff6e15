"""Programs that a node would have, as real scripts that act on a tree of files: docker, cron's, certbot, nginx.

A node is a folder; what lies in it under /etc/letsencrypt, say, is that node's own. Each script is as dumb as it can be
and does what it does at once, so that a test which stops between two of them sees what a node would be left with.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

from fleetkeeper.transport.commands import Command
from tests.helpers.local_nodes import FaultyLink

OWN = ("/etc/letsencrypt", "/etc/udev", "/var/lib/docker", "/backups", "/srv/copies", "/proc/[0-9]")
"""Paths that are the node's own, wherever they stand in a command."""
LINE = re.compile(r"[-0-9*,/]+( [-0-9*,/]+){4} ")
"""How a line of a crontab begins: it is looked for there, and stays as it was written."""

DOCKER = r"""
case "$1 $2" in
"exec "*)
  shift
  while :; do case $1 in -u) shift 2 ;; -i) shift ;; *) break ;; esac; done
  shift; exec "$@" ;;
"inspect "*) echo true ;;
"service inspect") case "$*" in *Version*) cat "$root/index" ;; *) cat "$root/spec" ;; esac ;;
"node update")
  for word; do
    case $last in
    --label-add) labels=$(grep -v "^${word%%=*}=" "$root/labels"; echo "$word") ;;
    --label-rm) labels=$(grep -v "^$word=" "$root/labels") ;;
    esac
    last=$word
  done
  umask 077
  { [ -z "$labels" ] || printf '%s\n' "$labels"; } >"$root/.new" && mv "$root/.new" "$root/labels" ;;
"node inspect")
  case $4 in
  *Labels*) key=${4#*\"}; sed -n "s/^${key%%\"*}=//p" "$root/labels" ;;
  *) cat "$root/state" ;;
  esac ;;
"stop "* | "restart "*) rm -f "$root/frozen"; : >"$root/started" ;;
"service ps")
  case $* in *.ID*) echo "t9 Running 3 seconds ago"; exit ;; esac
  [ ! -s "$root/labels" ] || echo "Running 3 seconds ago" ;;
"system dial-stdio") exec @PYTHON@ -S -E "$root/engine.py" "$root" ;;
esac
"""
CRONTAB = r"""
for word; do
  case $word in -l | -r | -) what=$word ;; -u) ;; *) user=$word ;; esac
done
case $what in
-l) [ -f "$root/spool/$user" ] || { echo "no crontab for $user" >&2; exit 1; }; cat "$root/spool/$user" ;;
-r) rm "$root/spool/$user" ;;
-) umask 077; cat >"$root/.new" && mv "$root/.new" "$root/spool/$user" ;;
esac
"""
SERVICE = r"""
case $2 in
start) : >"$root/running" ;;
stop) rm "$root/running" ;;
status) [ -e "$root/running" ] || exit 3 ;;
esac
"""
AT_BOOT = r"""
case $2 in enable) : >"$root/enabled" ;; disable) rm -f "$root/enabled" ;; esac
"""
CERTBOT = r"""
own="$root/etc/letsencrypt"
case $1 in
register) mkdir -p "$own/accounts/acme.example.org/directory/fresh"; exit ;;
certonly) mkdir -p "$own/live/@NAME@" "$own/renewal"; echo 'account = 0f' >"$own/renewal/@NAME@.conf" ;;
esac
cp "$root/renewed" "$own/live/.new" && mv "$own/live/.new" "$own/live/@NAME@/fullchain.pem"
"""
NGINX = r"""
[ "$1" = -s ] || exit 0
cp "$root/etc/letsencrypt/live/@NAME@/fullchain.pem" "$root/.new" && mv "$root/.new" "$root/served"
"""
OPENSSL = r"""
[ "$1" = s_client ] || exec @OPENSSL@ "$@"
cat "$root/served"
"""
NVIDIA_CTK = r"""
: >"$root/linked"
"""
CELERY = r"""
for word; do
  case $word in add_consumer) : >"$root/consumes" ;; cancel_consumer) rm -f "$root/consumes" ;; esac
done
"""
RABBITMQCTL = r"""
echo GPU
"""
PG_DUMP = r"""
cat "$root/dump"
"""
PROGRAMS = {
    "docker": DOCKER,
    "crontab": CRONTAB,
    "service": SERVICE,
    "update-rc.d": AT_BOOT,
    "certbot": CERTBOT,
    "nginx": NGINX,
    "openssl": OPENSSL,
    "pg_dump": PG_DUMP,
    "nvidia-ctk": NVIDIA_CTK,
    "celery": CELERY,
    "rabbitmqctl": RABBITMQCTL,
}

ENGINE = r'''
"""The Engine API of one swarm service, on standard input and output."""
import json, os, sys
root = sys.argv[1]

def at(name): return os.path.join(root, name)

def save(name, text):
    with open(at(name + ".new"), "w") as file: file.write(text)
    os.replace(at(name + ".new"), at(name))

def answer(method, path, body):
    with open(at("engine.json")) as file: state = json.load(file)
    if path == "/version": return {"ApiVersion": "1.41"}
    if "/tasks" in path: return state["tasks"]
    if method == "POST":
        index = state["service"]["Version"]["Index"] + 1
        container = body["TaskTemplate"]["ContainerSpec"]
        state["service"] = {**state["service"], "Spec": body, "Version": {"Index": index}}
        state["tasks"] = [{"ID": "t%d" % index, "DesiredState": "running", "Status": {"State": "running"}}]
        save("engine.json", json.dumps(state))
        save("index", "%d\n" % index)
        seen = (json.dumps(body.get(key) or None, sort_keys=True) for key in ("Labels", "UpdateConfig"))
        save("spec", "\n".join((container.get("User", ""), container["Image"], *seen, "")))
        return {}
    return state["service"]

while line := sys.stdin.buffer.readline():
    method, path, _ = line.decode().split()
    length = 0
    while (header := sys.stdin.buffer.readline().strip().lower()):
        if header.startswith(b"content-length:"): length = int(header.split(b":")[1])
    body = sys.stdin.buffer.read(length)
    said = json.dumps(answer(method, path, json.loads(body) if body else None)).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(said)
    sys.stdout.buffer.write(head + said)
    sys.stdout.buffer.flush()
'''


def install_programs(root: Path, name: str) -> None:
    """Put the programs into a node's folder; `name` is that of its certificate."""
    (root / "bin").mkdir(parents=True)
    openssl = next(path for path in ("/usr/bin/openssl", "/usr/local/bin/openssl") if os.access(path, os.X_OK))
    for program, text in PROGRAMS.items():
        path = root / "bin" / program
        whole = text.replace("@PYTHON@", sys.executable).replace("@NAME@", name).replace("@OPENSSL@", openssl)
        path.write_text(f"#!/bin/sh\nroot={root}\n{whole}")
        path.chmod(0o755)
    (root / "engine.py").write_text(ENGINE)
    (root / "spool").mkdir()


def serve_service(root: Path, user: str, image: str, **more: object) -> None:
    """A swarm service with one running task; `more` stands in its spec besides (`Labels`, `UpdateConfig`)."""
    spec = {"TaskTemplate": {"ContainerSpec": {"Image": image, "User": user}}, **more}
    tasks = [{"ID": "t7", "DesiredState": "running", "Status": {"State": "running"}}]
    service = {"ID": "s1", "Version": {"Index": 7}, "Spec": spec}
    (root / "engine.json").write_text(json.dumps({"service": service, "tasks": tasks}))
    (root / "index").write_text("7\n")
    seen = (json.dumps(more.get(key), sort_keys=True) for key in ("Labels", "UpdateConfig"))
    (root / "spec").write_text("\n".join((user, image, *seen, "")))


class NodeLink(FaultyLink):
    """This machine as one node: its own programs first, its own paths instead of this machine's."""

    def __init__(self, root: Path) -> None:
        super().__init__(name=root.name)
        self.root = root

    def ask(self, commands: list[Command]) -> list:  # type: ignore[override]
        for command in commands:
            self.before(command.words)
        present = [Command(self.with_own_lock(command.words), command.sudo, command.limit) for command in commands]
        answers = self.inner.ask(present)
        for command in commands:
            self.after(command.words)
        return answers

    def with_own_lock(self, words: tuple[str, ...]) -> tuple[str, ...]:
        own = tuple(self.mapped(word) for word in super().with_own_lock(words))
        path = f"PATH={self.root}/bin:{os.environ['PATH']}"
        return ("env", path, f"DOCKER_HOST=unix://{self.root}/docker.sock", *own)

    def mapped(self, word: str) -> str:
        if word.startswith("/") and Path(word).name in PROGRAMS:
            return str(self.root / "bin" / Path(word).name)
        if LINE.match(word):
            return word
        for path in OWN:
            word = word.replace(path, f"{self.root}{path}")
        return word
