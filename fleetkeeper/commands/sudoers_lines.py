"""The helper on a node that lets an audit run as root the commands that the topics declare, and nothing else.

An account with `sudo: audit` may run one program as root, `fleetkeeper-look`, which belongs to root. It is called with
the words of a command and compares them with the commands that the topics declare (`root_questions`): scripts as whole
texts, everything else by the form that it may have. So neither this account nor anybody with its key can run anything
else. None of the scripts writes.

Names of places are compared with what the node itself or the inventory says: dumps with the directory, the names and
the service of `backups:`, mounts with those of containers, processes with those in containers. Which forms pass, and
what root reads then: docs/on-your-servers.md.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress

from fleetkeeper import traces
from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.topics.protocol import Argument, RootQuestion
from fleetkeeper.topics.registry import TOPICS, topics_of
from fleetkeeper.transport.audit_helper import EDITION, HELPER, REFUSED
from fleetkeeper.transport.script_files import load_script
from fleetkeeper.transport.shell_protocol import KILL_AFTER, STARTED

HELPER_KINDS = "fleetkeeper/commands/scripts/helper_kinds.sh"
ROOT_OF_VOLUME = "fleetkeeper/topics/backups/scripts/root_of_volume.sh"
HELPER_FITS = "fleetkeeper/commands/scripts/helper_fits.sh"
FIND_DOCKER = "fleetkeeper/readers/docker/scripts/find_docker.sh"
RUN_WITH_LIMIT = "fleetkeeper/transport/scripts/run_with_limit.sh"

SUDOERS = "/etc/sudoers.d/fleetkeeper-look"


def all_questions(inventories: Sequence[Inventory]) -> Iterator[RootQuestion]:
    """Every command that an audit runs as root: those that the topics declare, and the look for our traces.

    A topic that an inventory does not ask for is left out.
    """
    for topic in TOPICS.values():
        yield from topic.root_questions()
    yield from traces.root_questions()
    for inventory in inventories:
        for topic in inventory.custom_topics.values():
            yield from topic.root_questions()
        for topic in topics_of(inventory).values():
            with suppress(NotApplicable):
                yield from topic.root_questions_about(inventory)


def helper(inventories: Sequence[Inventory] = ()) -> str:
    """The text of the helper: a script for any POSIX sh. It must belong to root, and be called through sudo.

    Without an inventory it runs no command about dumps.
    """
    texts: dict[str, str] = {}
    tests: dict[str, str] = {}
    questions = dict.fromkeys(all_questions(inventories))
    calls = [f"fits '{' '.join(form(word, texts, tests) for word in question)}' \"$@\"" for question in questions]
    assignments = [f"{name}={shlex.quote(text)}" for text, name in texts.items()]
    body = [
        load_script(HELPER_KINDS).strip(),
        FOR_DOCKER,
        load_script(ROOT_OF_VOLUME).strip(),
        *(f"is_{name}() {{ {test}; }}" for test, name in tests.items()),
        load_script(HELPER_FITS).strip(),
        *assignments,
    ]
    rest = "\n".join([*body, BEGIN.strip(), " ||\n".join([*calls, REFUSE]), END])
    return f"{HEAD}# edition {EDITION}, {digest_of(rest)}\n{rest}"


def digest_of(text: str) -> str:
    """The SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def form(word: str | Argument, texts: dict[str, str], tests: dict[str, str]) -> str:
    """The helper's name for a word: `=NAME` for a constant text, else a kind.

    It has `*` at its end when there may be many such words. A text or test without a name gets one, in `texts` (names
    by text) or `tests` (names by test).
    """
    if isinstance(word, str):
        return "=" + texts.setdefault(word, f"text_{len(texts)}")
    kind = tests.setdefault(word.test, f"{word.kind}_{len(tests)}") if word.test else word.kind
    return kind + "*" * word.many


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
    """The sudoers line that allows an account, whose name the caller has checked, to run the helper as root."""
    return f"{account} ALL=(root) NOPASSWD: {HELPER}"


def installer(account: str, inventories: Sequence[Inventory] = ()) -> str:
    """A script that installs the helper and the sudoers line on a node, to be run by root. visudo checks the line.

    The caller has checked the name of the account.
    """
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
