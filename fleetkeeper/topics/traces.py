"""What fleetkeeper leaves on a node, as a topic like any other; asked on request only, by `remediate leave`.

Left are the directory where old content and records are kept, for root only, lines of ours in crontabs, a hook of
certbot, and marks on services whose user was changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from fleetkeeper.topics.containers.observation import DOCKER
from fleetkeeper.transport.commands import Command, Unobservable

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.inventory.schema import Node
    from fleetkeeper.looking.observer import Look

KEPT = "/var/lib/fleetkeeper"
"""The directory on a node where old content and records are kept, for root only."""
SPOOLS = ("/var/spool/cron/crontabs", "/var/spool/cron/tabs", "/var/spool/cron")

# $1 the directory, further words: directories with a crontab for each user. certbot's own directory is the node's, or
# what some container has mounted.
TRACES = (
    r"""
export LC_ALL=C
kept=$1; shift
mounts() (
"""
    + DOCKER
    + r"""
ids=$(docker ps -aq) || exit 71
[ -z "$ids" ] || docker inspect --type container --format '{{range .Mounts}}{{println .Source}}{{end}}' $ids
)
mounted=$(mounts); rc=$?
case $rc in 0 | 69) ;; *) echo "unseen what containers have mounted" ;; esac
printf '%s\n' /etc/letsencrypt "$mounted" | sort -u | while IFS= read -r root; do
  hook=$root/renewal-hooks/deploy/fleetkeeper-reload
  if [ -n "$root" ] && [ -f "$hook" ]; then echo "hook $hook"; fi
done
services() (
"""
    + DOCKER
    + r"""
manager=$(docker info --format '{{.Swarm.ControlAvailable}}') || exit 71
[ "$manager" = true ] || exit 0
ids=$(docker service ls -q --filter label=fleetkeeper.user) || exit 71
[ -z "$ids" ] || docker service inspect --format '{{.Spec.Name}}' $ids
)
services=$(services); rc=$?
case $rc in 0 | 69) ;; *) echo "unseen the services of the swarm" ;; esac
for service in $services; do echo "service $service"; done
if [ -e "$kept" ] || [ -h "$kept" ]; then
  echo "kept $(du -sk "$kept" | cut -f 1)" || exit 71
fi
digest() { # SHA-256 of what crontab prints for a user; nothing if it fails
  said=$({ { crontab -u "$1" -l 2>/dev/null; echo "ended $?" >&3; } | sha256sum >&3; } 3>&1)
  case $said in *'ended 0'*) printf '%s\n' "$said" | sed -n 's/ .*-$//p' ;; esac
}
for spool; do
  [ -d "$spool" ] || continue
  if ! [ -r "$spool" ] || ! [ -x "$spool" ]; then echo "unseen $spool"; continue; fi
  for table in "$spool"/*; do
    [ -f "$table" ] || continue
    if ! [ -r "$table" ]; then echo "unseen $table"; continue; fi
    grep -qE '^# (BEGIN|END) fleetkeeper ' "$table" || continue
    digest=$(digest "${table##*/}")
    if [ ${#digest} -eq 64 ]; then echo "marks $digest ${table##*/}"; else echo "unseen $table"; fi
  done
done
echo end
"""
)


@dataclass(frozen=True)
class Facts:
    """One node: the size of the directory in bytes (None: there is none), users in whose crontabs our marks are with
    the SHA-256 of these, hooks of certbot under our name, and on a manager the services that bear our mark."""

    topic: ClassVar[str] = "leave"
    kept: int | None = None
    marked: tuple[tuple[str, str], ...] = ()
    unseen: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


def observe(node: Node, inventory: Inventory) -> Look:
    """One constant script; the places are its arguments."""
    [answer] = yield [traces()]
    return parse(answer.text())


def traces(kept: str = KEPT, spools: tuple[str, ...] = SPOOLS) -> Command:
    """The command that looks for what is left."""
    return Command(("sh", "-c", TRACES, "looking for traces", kept, *spools), sudo=True)


def parse(printed: str) -> Facts:
    """Read what the script prints. Raises Unobservable when it did not come to its end.

    >>> parse("kept 12\\nmarks 4f2a root\\nend\\n")
    Facts(kept=12288, marked=(('root', '4f2a'),), unseen=(), hooks=(), services=())
    """
    rows = printed.split("\n")
    if rows[-2:] != ["end", ""]:
        raise Unobservable("the look for traces was cut short")
    said = [row.partition(" ")[::2] for row in rows[:-2]]
    return Facts(
        kept=next((int(rest) * 1024 for key, rest in said if key == "kept"), None),
        marked=tuple(dict(rest.split(" ", 1)[::-1] for key, rest in said if key == "marks").items()),
        unseen=tuple(rest for key, rest in said if key == "unseen"),
        hooks=tuple(rest for key, rest in said if key == "hook"),
        services=tuple(rest for key, rest in said if key == "service"),
    )
