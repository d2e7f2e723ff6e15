"""What root does for an audit: every question there is, and the helper on a node that lets nothing else pass.

An account with `sudo: audit` may run one program as root, `fleetkeeper-look`, which belongs to root. It is given the
words of a command and compares them with the questions below: scripts as whole texts, everything else by what it may
look like. So neither this account nor whoever has its key can run anything else. None of the scripts writes.

Whatever names a place is compared with what the node itself or the inventory says: dumps with the directory, the names
and the service of `backups:`, mounts with those of containers, processes with those in containers. What passes, form by
form, and what root reads then: docs/on-your-servers.md.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from fleetkeeper import traces
from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import require_policy
from fleetkeeper.readers.cron.snapshot import OWN, list_schedules
from fleetkeeper.readers.docker.engine import inspect_containers
from fleetkeeper.topics.backups import parse
from fleetkeeper.topics.backups.completeness import verify_command
from fleetkeeper.topics.backups.database import observe as databases
from fleetkeeper.topics.backups.policy import Elsewhere, Policy
from fleetkeeper.topics.backups.second_copy import observe as copies
from fleetkeeper.topics.certificates import node_commands as certificates
from fleetkeeper.topics.containers import observe as containers
from fleetkeeper.topics.services import observe as services
from fleetkeeper.topics.volumes.observe import usage_of
from fleetkeeper.transport.audit_helper import EDITION, HELPER, REFUSED
from fleetkeeper.transport.script_files import load_script
from fleetkeeper.transport.shell_protocol import KILL_AFTER, STARTED

ASK_ABOUT_WORDS = "fleetkeeper/readers/cron/scripts/ask_about_words.sh"
READ_ACCOUNTS = "fleetkeeper/topics/containers/scripts/read_accounts.sh"
READ_START_SCRIPTS = "fleetkeeper/topics/containers/scripts/read_start_scripts.sh"
CHECK_ACCESS = "fleetkeeper/topics/containers/scripts/check_access.sh"
LIST_CHANGED_FILES = "fleetkeeper/topics/containers/scripts/list_changed_files.sh"
LOOK_INSIDE = "fleetkeeper/topics/certificates/scripts/look_inside.sh"
HANDSHAKE = "fleetkeeper/topics/certificates/scripts/handshake.sh"
OLD_HANDSHAKE = "fleetkeeper/topics/certificates/scripts/old_handshake.sh"
REQUEST_HEADERS = "fleetkeeper/topics/certificates/scripts/request_headers.sh"
HELPER_KINDS = "fleetkeeper/commands/scripts/helper_kinds.sh"
ROOT_OF_VOLUME = "fleetkeeper/topics/backups/scripts/root_of_volume.sh"
HELPER_FITS = "fleetkeeper/commands/scripts/helper_fits.sh"
FIND_DOCKER = "fleetkeeper/readers/docker/scripts/find_docker.sh"
RUN_WITH_LIMIT = "fleetkeeper/transport/scripts/run_with_limit.sh"

SUDOERS = "/etc/sudoers.d/fleetkeeper-look"


@dataclass(frozen=True)
class Text:
    """A word that is always the same: a program, an option, a whole script."""

    text: str


@dataclass(frozen=True)
class Kind:
    """A word that must look like something: the name of a function of the helper, `is_NAME`. `many`: none to any."""

    name: str
    many: bool = False


Question = tuple[Text | Kind, ...]


def script(text: str, *rest: Kind) -> Question:
    """`sh -c TEXT` with a name for messages, then arguments."""
    return (Text("sh"), Text("-c"), Text(text), Kind("text"), *rest)


def inside(text: str, *rest: Kind) -> Question:
    """The same in a container, as certificates are asked about there."""
    outer = certificates.in_container("", certificates.look_inside("")).words[2]
    return (*script(outer, Kind("id")), Text("sh"), Text("-c"), Text(text), Text(certificates.MARK), *rest)


def fixed(words: tuple[str, ...]) -> Question:
    return tuple(Text(word) for word in words)


def questions() -> Iterator[Question]:
    """Every command that an audit runs as root whatever the inventory says, and the look for our traces."""
    tls, here = Kind("tls", many=True), Kind("here")
    process, word = Kind("process"), Kind("word")
    yield fixed(("id", "-u"))
    yield fixed(OWN.words)
    yield fixed(list_schedules().words)
    yield fixed(inspect_containers().words)
    yield fixed(containers.scan_processes().words)
    yield fixed(services.inspect_swarm().words)
    yield script(load_script(ASK_ABOUT_WORDS), Kind("asked", many=True))
    yield script(load_script(READ_ACCOUNTS), Kind("processes", many=True))
    yield script(load_script(READ_START_SCRIPTS), process, Kind("word", many=True))
    yield script(load_script(CHECK_ACCESS), process, word, Kind("access", many=True))
    yield script(load_script(LIST_CHANGED_FILES), process, Kind("id"))
    yield fixed(traces.traces().words)
    yield inside(load_script(LOOK_INSIDE), Kind("served", many=True))
    yield inside(load_script(HANDSHAKE), here, tls)
    yield inside(load_script(OLD_HANDSHAKE), here, tls)
    yield inside(load_script(REQUEST_HEADERS), here, Kind("where"), tls)


def about_dumps(policy: Policy, service: str, number: int) -> Iterator[Question]:
    """The questions about one inventory's dumps: their volume, directory, service and tables are part of the helper."""
    dumps = (Kind(f"dumps_{number}"), Kind(f"dump_{number}", many=True))
    copied = (Kind(f"copies_{number}"), Kind(f"dump_{number}", many=True))
    yield fixed(parse.look_into(policy).words)
    yield fixed(usage_of(policy).words)
    shell, option, text, label, _, *how = verify_command("", (), policy.format, service).words
    yield (*fixed((shell, option, text, label)), dumps[0], *fixed(tuple(how)), dumps[1])
    digest = copies.digest_command("", ()).words
    yield (*fixed(digest[:4]), *dumps)
    if isinstance(policy.elsewhere, Elsewhere):
        yield fixed(copies.look_into_copies(policy.elsewhere.path).words)
        yield (*fixed(digest[:4]), *copied)
    yield fixed(databases.records_of(policy).words)
    yield fixed(databases.clusters_of(policy, service).words)


def kinds_of(policy: Policy, number: int) -> str:
    """What a directory and a file of one inventory's dumps look like, as functions of the helper."""
    volume = policy.volume
    where = shlex.join((volume.name, volume.path or "", policy.path))
    second = shlex.quote(policy.elsewhere.path) if isinstance(policy.elsewhere, Elsewhere) else "/proc"
    return f"""\
is_dumps_{number}() {{ stands_in "$(place_of {where})" "$1"; }}
is_copies_{number}() {{ stands_in "$(place_of - {second} '')" "$1"; }}
is_dump_{number}() {{
  case $1 in ./*/*) return 1 ;; ./{named_like(policy.pattern)}) [ ! -h "$1" ] ;; *) return 1 ;; esac
}}
"""


WIDTHS = {"Y": 4, "j": 3, "f": 6, **dict.fromkeys("mdHIMSyUW", 2), "w": 1, "u": 1}


def named_like(pattern: str) -> str:
    """A pattern of the shell for what strftime makes of a pattern: digits where it puts digits.

    >>> named_like("backup_%Y-%m.sql")
    "'backup_'[0-9][0-9][0-9][0-9]'-'[0-9][0-9]'.sql'"
    """
    parts = []
    for directive, plain in re.findall(r"%(.)|([^%]+)", pattern):
        if plain or directive == "%":
            parts.append(f"'{plain or '%'}'")
        else:
            parts.append("[0-9]" * WIDTHS.get(directive, 0) or "*")
    return "".join(parts)


def helper(inventories: Sequence[Inventory] = ()) -> str:
    """The helper: a script for any POSIX sh. It must belong to root, and be called through sudo.

    Without an inventory it answers nothing about dumps.
    """
    texts: dict[str, str] = {}
    asked, data = list(questions()), []
    for number, (policy, service) in enumerate(with_dumps(inventories)):
        asked += about_dumps(policy, service, number)
        data.append(kinds_of(policy, number))
    calls = [f"fits '{' '.join(form(one, texts) for one in question)}' \"$@\"" for question in asked]
    known = [f"{name}={shlex.quote(text)}" for text, name in texts.items()]
    body = [
        load_script(HELPER_KINDS).strip(),
        FOR_DOCKER,
        load_script(ROOT_OF_VOLUME).strip(),
        *data,
        load_script(HELPER_FITS).strip(),
        *known,
    ]
    rest = "\n".join([*body, BEGIN.strip(), " ||\n".join([*calls, REFUSE]), END])
    return f"{HEAD}# edition {EDITION}, {digest_of(rest)}\n{rest}"


def with_dumps(inventories: Sequence[Inventory]) -> Iterator[tuple[Policy, str]]:
    """The policies of inventories that have backups, each with what Docker calls the database's service."""
    for inventory in inventories:
        with suppress(NotApplicable):
            policy = inventory.section(Policy)
            yield policy, require_policy(inventory.services)[policy.service].name


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def form(one: Text | Kind, texts: dict[str, str]) -> str:
    """How the helper calls a form: `=NAME` of a text, or a kind, with `*` when there may be many."""
    if isinstance(one, Kind):
        return one.name + "*" * one.many
    return "=" + texts.setdefault(one.text, f"text_{len(texts)}")


HEAD = f"""\
#!/bin/sh
# {HELPER}: what an audit by fleetkeeper may ask as root, and nothing else. It changes nothing.
# Written by `fleetkeeper sudoers`; sudo calls it with a limit in seconds and the words of a command.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
export PATH LC_ALL
cd / || exit 1
"""
BEGIN = """
set -f
limit=$1
is_number "$limit" && [ ${#limit} -le 6 ] && shift || exit 64
"""
FOR_DOCKER = "for_docker() {\n" + load_script(FIND_DOCKER) + "}"
REFUSE = f"{{ echo '{REFUSED} (edition {EDITION})' >&2; exit 77; }}"
END = (
    f"""
for word do
  shift
  case $gone in *" $word "*) word=0 ;; esac
  set -- "$@" "$word"
done
cd / && exec </dev/null
echo {STARTED.decode().strip()} >&2
clean() {{ exec env -i PATH="$PATH" LC_ALL=C HOME=/root ASKER="${{SUDO_UID:-0}}" "$@"; }}
if timeout --version >/dev/null 2>&1; then clean timeout -k {KILL_AFTER} "$limit" "$@"; fi
clean /bin/sh -c """
    + shlex.quote(load_script(RUN_WITH_LIMIT))
    + """ sh "$limit" "$@"
"""
)


def line(account: str) -> str:
    """The line for sudoers."""
    return f"{account} ALL=(root) NOPASSWD: {HELPER}"


def installer(account: str, inventories: Sequence[Inventory] = ()) -> str:
    """A script for root on a node: the helper, and the line that lets the account call it. Checked by visudo."""
    text = helper(inventories)
    end = "END_OF_HELPER"
    assert not re.search(rf"^{end}$", text, re.MULTILINE)
    return f"""\
#!/bin/sh
# Run this as root on each node. {account} may then ask, as root, what an audit asks, and nothing else.
set -eu
umask 077
cat > {HELPER}.new <<'{end}'
{text}{end}
chown root: {HELPER}.new
chmod 755 {HELPER}.new
mv {HELPER}.new {HELPER}
printf '%s\\n' {shlex.quote(line(account))} > {SUDOERS}.new
chmod 440 {SUDOERS}.new
if visudo -cqf {SUDOERS}.new; then mv {SUDOERS}.new {SUDOERS}; sha256sum {HELPER}; exit; fi
rm -f {SUDOERS}.new
echo "visudo took no line for {account}: nothing new is allowed" >&2
exit 1
"""
