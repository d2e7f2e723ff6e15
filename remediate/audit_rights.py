"""What root does for an audit: every question there is, and the helper on a node that lets nothing else pass.

An account with `sudo: audit` may run one program as root, `fleetkeeper-look`, which belongs to root. It is given the
words of a command and compares them with the questions below: scripts as whole texts, everything else by what it may
look like. So neither this account nor whoever has its key can run anything else. None of the scripts writes.

What root reads for it is what an audit reads: `docker inspect` (the environment of containers, too), crontabs and the
scripts behind them, names and sizes of files, digests and completeness of dumps. Never the content of other files.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from fleet.framing import HELPER, KILL_AFTER, LIMIT, STARTED
from fleet.topics.backups import listing
from fleet.topics.backups.streaming import SHELL_VERIFY
from fleet.topics.certificates import scripts as certificates
from fleet.topics.containers import observing as containers
from fleet.topics.containers import preflight_scripts as preflight
from fleet.topics.copies import observing as copies
from fleet.topics.databases import observing as databases
from fleet.topics.schedules import script as schedule_scripts
from fleet.topics.schedules.observe import ALL, OWN
from fleet.topics.services import observing as services
from fleet.topics.volumes import SHELL_USAGE
from remediate import leave

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

KINDS = r"""
is_text() { :; }
is_number() { case $1 in '' | *[!0-9]*) return 1 ;; esac; }
is_id() { case $1 in '' | *[!0-9a-f]*) return 1 ;; esac; }
is_word() { case $1 in -* | *[!A-Za-z0-9_./@+-]*) return 1 ;; esac; }
is_path() { case $1 in /*) ;; *) return 1 ;; esac; }
is_access() { case $1 in ro | rw | /*) ;; *) return 1 ;; esac; }
is_user() { case $1 in -* | =* | /*) return 1 ;; esac; }
is_where() { case $1 in '' | -* | *[!][A-Za-z0-9.:_-]*) return 1 ;; esac; }
is_tls() { case $1 in -servername | -noservername | -starttls) ;; *) is_where "$1" ;; esac; }
is_served() { is_path "$1" || is_where "$1"; }
is_record() {
  is_word "$1" || return 1
  case ${1#/var/lib/fleetkeeper/backups-} in "$1" | */*) return 1 ;; *.json) ;; *) return 1 ;; esac
}
# Whether nobody but root and its owner, who is not the one who asks, can put another file in its place.
guarded() { # path owner
  at=$1
  while [ -n "$at" ]; do
    case $(stat -c '%u %A' -- "$at") in "0 l"*) ;; *" "l* | *" "?????w* | *" "????????w*) return 1 ;;
    "0 "* | "$2 "*) ;; *) return 1 ;; esac
    at=${at%/*}
  done
}
# A script that a schedule runs: it can be run, so it is no key and no list of passwords.
is_script() {
  real=$(readlink -f -- "$1") && [ -f "$real" ] && [ -x "$real" ] && owner=$(stat -c %u -- "$real") || return 1
  [ "$owner" = 0 ] || [ "$owner" != "${SUDO_UID:-0}" ] || return 1
  guarded "$1" "$owner" && guarded "$real" "$owner"
}
is_asked() {
  case $1 in
  =/*) is_script "${1#=}" ;;
  /*) ;;
  *) is_user "$1" ;;
  esac
}
# Where dumps are, by its real path: reading a device can change what it stands for.
is_directory() {
  case $1/ in /dev/* | /proc/* | /sys/*) return 1 ;; /*) ;; *) return 1 ;; esac
  [ "$(cd -P -- "$1" 2>/dev/null && pwd -P)" = "$1" ] && cd -P -- "$1"
}
# In the directory that was checked before it.
is_file() { case $1 in ./*/* | ./) return 1 ;; ./*) [ ! -h "$1" ] ;; *) return 1 ;; esac; }
"""
"""What words may look like. Nothing may begin with a dash where a program could take it for an option."""


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
    """Every command that an audit runs as root, and the look for our traces."""
    where, tls, number = Kind("where"), Kind("tls", many=True), Kind("number")
    directory, word, files = Kind("directory"), Kind("word"), Kind("file", many=True)
    yield fixed(("id", "-u"))
    yield fixed(OWN.words)
    yield fixed(ALL.words)
    yield fixed(containers.INSPECT.words)
    yield fixed(containers.SCAN.words)
    yield fixed(services.SWARM.words)
    yield script(schedule_scripts.ASK, Kind("asked", many=True))
    yield script(containers.ACCOUNTS, Kind("number", many=True))
    yield script(preflight.START, number, Kind("word", many=True))
    yield script(preflight.ACCESS, number, word, Kind("access", many=True))
    yield script(preflight.DIFF, number, Kind("id"))
    yield script(listing.SHELL_OBSERVE, Kind("text"), Kind("text"), Kind("text"))
    yield script(SHELL_USAGE, Kind("text"), Kind("text"))
    yield script(SHELL_VERIFY, directory, word, word, files)
    yield script(copies.SHELL_DIGEST, directory, files)
    yield script(copies.SHELL_COPIES, Kind("path"))
    yield script(databases.SHELL_RECORDS, Kind("record"))
    clusters = script(databases.SHELL_CLUSTERS)
    yield (*clusters, Text(databases.ASK), word, word, word, Kind("word", many=True))
    yield script(leave.TRACES, Kind("path", many=True))
    yield inside(certificates.INSIDE, Kind("served", many=True))
    yield inside(certificates.HANDSHAKE, where, tls)
    yield inside(certificates.OLD, where, tls)
    yield inside(certificates.HEADERS, where, where, tls)


def helper() -> str:
    """The helper: a script for any POSIX sh. It must belong to root, and be called through sudo."""
    texts: dict[str, str] = {}
    calls = [f"fits '{' '.join(form(one, texts) for one in question)}' \"$@\"" for question in questions()]
    known = [f"{name}={shlex.quote(text)}" for text, name in texts.items()]
    return "\n".join([HEAD, KINDS.strip(), FITS.strip(), *known, BEGIN.strip(), " ||\n".join([*calls, REFUSE]), END])


def form(one: Text | Kind, texts: dict[str, str]) -> str:
    """How the helper calls a form: `=NAME` of a text, or a kind, with `*` when there may be many."""
    if isinstance(one, Kind):
        return one.name + "*" * one.many
    return "=" + texts.setdefault(one.text, f"text_{len(texts)}")


HEAD = f"""\
#!/bin/sh
# {HELPER}: what an audit by fleetkeeper may ask as root, and nothing else. It changes nothing.
# Written by `remediate sudoers`; sudo calls it with a limit in seconds and the words of a command.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
export PATH LC_ALL
cd / || exit 1
"""
FITS = """
fits() { # forms words
  forms=$1; shift
  for form in $forms; do
    case $form in
    *'*') for word; do "is_${form%?}" "$word" || return 1; done; return 0 ;;
    =*) [ $# -gt 0 ] && eval "[ \\"\\$1\\" = \\"\\$${form#=}\\" ]" || return 1; shift ;;
    *) [ $# -gt 0 ] && "is_$form" "$1" || return 1; shift ;;
    esac
  done
  [ $# = 0 ]
}
"""
BEGIN = """
set -f
limit=$1
is_number "$limit" && [ ${#limit} -le 6 ] && shift || exit 64
"""
REFUSE = "{ echo 'this is no question that the helper knows' >&2; exit 77; }"
END = f"""
cd / && exec </dev/null
echo {STARTED.decode().strip()} >&2
clean() {{ exec env -i PATH="$PATH" LC_ALL=C HOME=/root "$@"; }}
if timeout --version >/dev/null 2>&1; then clean timeout -k {KILL_AFTER} "$limit" "$@"; fi
clean /bin/sh -c {shlex.quote(LIMIT)} sh "$limit" "$@"
"""


def line(account: str) -> str:
    """The line for sudoers."""
    return f"{account} ALL=(root) NOPASSWD: {HELPER}"


def installer(account: str) -> str:
    """A script for root on a node: the helper, and the line that lets the account call it. Checked by visudo."""
    text = helper()
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
if visudo -cqf {SUDOERS}.new; then mv {SUDOERS}.new {SUDOERS}; exit; fi
rm -f {SUDOERS}.new
echo "visudo took no line for {account}: nothing new is allowed" >&2
exit 1
"""
