"""The lines that we install in a node's crontab, as forms with slots: one text that both writes and recognizes them.

A line between our marks is ours only if it is one of these forms to the last character. Whatever somebody has changed
in it, or put into it, makes it theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from fleetkeeper.readers.cron.crontab import escape_command

DOCKERS = tuple(
    f"{directory}/docker"
    for directory in ("/usr/bin", "/bin", "/usr/local/bin", "/snap/bin", "/usr/local/sbin", "/usr/sbin", "/sbin")
)
"""Where a node may have Docker's client, the usual place first: those where the look searches for it."""
CERTBOTS = (
    "/usr/bin/certbot",
    "/usr/local/bin/certbot",
    "/opt/certbot/bin/certbot",
    "/snap/bin/certbot",
    "/bin/certbot",
    "/usr/sbin/certbot",
    "/usr/local/sbin/certbot",
)
"""Where a container may have certbot."""
CONTAINERS = "set -- $(DOCKER ps -q --no-trunc FILTERS 2>/dev/null); "
"""Sets `$1` and so on to the ids of the running containers of a service."""
BACKUP = (
    f'{CONTAINERS}t=; w="not 1 but $# containers run"; '
    '[ $# -eq 1 ] && w="the backup command failed" && { t=$(DOCKER exec "$1" mktemp 2>/dev/null); sleep 1; '
    'DOCKER exec "$1" COMMAND >/dev/null 2>&1; } && w="exit status 0, no new file seen" && '
    'DOCKER exec "$1" find DIRECTORY -maxdepth 1 -type f -name ENDING -size +100c -newer "$t" 2>/dev/null '
    '| grep -q ^/ && logger -t fleetkeeper "SERVICE: the backup command ended well, with a new file" || '
    'logger -t fleetkeeper -p user.err "SERVICE: $w"; [ -z "$t" ] || DOCKER exec "$1" rm -f -- "$t" >/dev/null 2>&1'
)
"""A backup. A new file counts from 100 bytes: a gzip of nothing has 20, and some more where it holds a name."""
RENEWAL = (
    f'{CONTAINERS}[ $# -eq 1 ] && DOCKER exec -u 0 "$1" CERTBOT renew -q --no-random-sleep-on-renew '
    "--deploy-hook 'nginx -s reload' || "
    'logger -t fleetkeeper -p user.err "SERVICE: certbot renew failed, or not 1 but $# containers run"'
)
FORMER = (
    f'{CONTAINERS}[ $# -eq 1 ] && DOCKER exec "$1" COMMAND >/dev/null 2>&1 '
    '&& logger -t fleetkeeper "SERVICE: the backup command ended well" '
    '|| logger -t fleetkeeper -p user.err "SERVICE: the backup command failed, or not 1 but $# containers run"',
    RENEWAL.replace(" 2>/dev/null); ", "); "),
)
"""What earlier versions have installed."""
FIELD, NAME = r"[0-9A-Za-z*,/-]+", r"[A-Za-z0-9][A-Za-z0-9_.-]*"
FILTER = rf"--filter (?:label=[a-z.-]+={NAME}|'name=\^/[A-Za-z0-9_.\[\]-]+\$')"
SLOTS = {
    "DOCKER": "docker|" + "|".join(map(re.escape, DOCKERS)),
    "FILTERS": rf"{FILTER}(?: {FILTER})?",
    "SERVICE": NAME,
    "DIRECTORY": r"(?:/[A-Za-z0-9_.-]+)*/",
    "ENDING": r"'\*\.[a-z.]+'",
    "CERTBOT": "|".join(map(re.escape, CERTBOTS)),
}
"""By slot a regular expression of what we write there; COMMAND is the inventory's and nothing else."""
SLOT = re.compile(rf"\b(?:{'|'.join([*SLOTS, 'COMMAND'])})\b", re.ASCII)


def fill_form(form: str, words: Mapping[str, str]) -> str:
    """The form with `words` in its slots: shell text by the name of the slot; KeyError for one without.

    >>> fill_form(CONTAINERS, {"DOCKER": "docker", "FILTERS": "--filter label=a=b"})
    'set -- $(docker ps -q --no-trunc --filter label=a=b 2>/dev/null); '
    """
    return SLOT.sub(lambda slot: words[slot.group()], form)


def is_installed_form(line: str, command: str = "") -> bool:
    """Whether a line of a crontab is one that we install, or have installed, for this `command` of a backup.

    >>> is_installed_form("0 3 * * * /root/pay-the-bills")
    False
    """
    return any(re.fullmatch(form_pattern(form, command), line, re.ASCII) for form in (BACKUP, RENEWAL, *FORMER))


def form_pattern(form: str, command: str) -> str:
    """A regular expression for lines of that form, with five fields of times before it."""
    return rf"{FIELD}(?: {FIELD}){{4}} " + "".join(pattern_pieces(form, command))


def pattern_pieces(form: str, command: str) -> Iterator[str]:
    """The regular expressions for the form's constant pieces and its slots; a slot that occurs again is the same.

    In their order, as text. A slot is a named group, but COMMAND, which stands for `command` itself.
    """
    begun, seen = 0, {"COMMAND"}
    for slot in SLOT.finditer(form):
        yield re.escape(form[begun : slot.start()])
        name, begun = slot.group(), slot.end()
        again = re.escape(escape_command(command)) if name == "COMMAND" else f"(?P={name})"
        yield again if name in seen else f"(?P<{name}>{SLOTS[name]})"
        seen.add(name)
    yield re.escape(form[begun:])
