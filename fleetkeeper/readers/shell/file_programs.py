"""Whether `ls`, `cp`, `mkdir` and the like surely fail: on files that are not there, or that are there already.

Only whole paths are asked about. A directory that `mkdir` finds may be the lock of this very job, so that it only makes
the outcome unknown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import dropwhile, takewhile

from fleetkeeper.readers.shell.refused_arguments import takes_arguments
from fleetkeeper.readers.shell.surroundings import Surroundings
from fleetkeeper.readers.shell.truth import YES, Truth, both

READERS = frozenset({"ls", "stat", "cat", "head", "tail", "wc", "du", "mount", "umount"})
CHANGERS = frozenset({"chmod", "chown", "chgrp"})
COPIERS = frozenset({"cp", "mv", "ln", "install"})


def file_status(base: str, texts: Sequence[str | None], around: Surroundings) -> Truth:
    """Whether a program of this name succeeds with its files: no, not to be told, or YES where nothing is known.

    `texts` are its arguments, None for each that is not plain.
    """
    result = takes_arguments(base, texts)
    if base in ("ls", "stat") and any(re.search(r"[*?[]", text or "") for text in texts):
        result = Truth(None, "is given a pattern, which may fit no file")
    for path in operands(base, texts):
        if base == "mkdir" and makes_parents(texts):
            result = both(result, directories_made(path, around))
            continue
        there = around.exists(path)
        if base in ("mkdir", "touch"):
            makes = around.can_write(path)
            result = both(result, NOT_MADE if makes.value is False and there.value is not True else YES)
            result = both(result, THERE if base == "mkdir" and there.value else YES)
        else:
            result = both(result, MISSING if there.value is False else YES)
        if base in ("mount", "umount") and (mounted := around.mounted(path)).value is (base == "mount"):
            result = both(result, Truth(None, f"finds it {'mounted' if mounted.value else 'not mounted'} now"))
    return result


NOT_MADE = Truth(False, "its file cannot be made")
THERE = Truth(None, "is there already, perhaps as the lock of a run that goes on, or that has died")
MISSING = Truth(False, "its file is not there")


def makes_parents(texts: Sequence[str | None]) -> bool:
    """Whether `mkdir` with these arguments makes all directories of a path that are missing, and takes one that is."""
    return any(re.fullmatch("-[a-zA-Z]*p[a-zA-Z]*|--pa[rents]*", text or "") for text in texts)


SHARED = "/tmp"  # noqa: S108 -- of the node, and nothing is written there


def directories_made(path: str, around: Surroundings) -> Truth:
    """Whether `mkdir -p` can make a path, or finds it: not through a file; YES where that is not known.

    A path right beneath /tmp, where anybody may make one on any node, is not asked about.
    """
    state = around.state_of(path) if path.rpartition("/")[0] != SHARED else None
    if state is None or state.refused or not state.components:
        return YES
    last = state.components[-1]
    if last.type != "d":
        return NOT_MADE
    makes = around.permits(last, state, "w") if state.missing and around.user is not None else YES
    return makes if makes.value else NOT_MADE


def operands(base: str, texts: Sequence[str | None]) -> list[str]:
    """The whole paths among the arguments that must be there, or must not (mkdir); empty where that is not known.

    `base` is the program's name; an argument that is not known is None.

    >>> operands("cp", ["-a", "/etc/x", "/srv"]), operands("rm", ["-f", "/x"]), operands("tail", ["-n", "1", "/y"])
    (['/etc/x'], [], ['/y'])
    """
    options = [text for text in texts if text and text.startswith("-")]
    letters = "".join(option for option in options if not option.startswith("--"))
    plain = [text for text in texts if text is None or not text.startswith("-")]
    if base == "rm":
        chosen = [] if "f" in letters or "--force" in options else plain
    elif base == "find":
        chosen = list(takewhile(lambda text: text and text[0] not in "-(!", list(dropwhile(is_link_option, texts))))
    elif base in COPIERS:
        special = set("tsd") & set(letters) or any(option.startswith("--") for option in options)
        chosen = [] if special else plain[:-1]
    else:
        chosen = plain[1:] if base in CHANGERS else plain if base in READERS | {"touch", "mkdir"} else []
    return [text for text in chosen if text and text.startswith("/") and not re.search(r"[*?[]", text)]


def is_link_option(text: str | None) -> bool:
    """Whether an argument of `find` stands in front of its paths."""
    return text in ("-H", "-L", "-P")


def asks(base: str, texts: Sequence[str | None]) -> bool:
    """Whether a program is used to ask something, so that its failure is an answer."""
    quiet = any(re.fullmatch("-[a-zA-Z]*q[a-zA-Z]*|--quiet", text or "") for text in texts)
    return base in ASKING or (base in ("grep", "egrep", "fgrep", "zgrep") and quiet)


ASKING = frozenset({"pgrep", "pidof", "diff", "cmp", "expr", "ping", "pg_isready", "tty", "let", "read"})


def only_waits(base: str, texts: Sequence[str | None]) -> bool:
    """Whether a line of Perl or Python is a random delay, as Debian's crontab and certbot's own page have it."""
    return bool(WAITING.fullmatch(base)) and texts[:1] in (["-e"], ["-c"]) and "sleep" in (texts[-1] or "")


WAITING = re.compile(r"perl|python[0-9.]*")
"""Programs of which lines that certbot's and Debian's pages recommend make nothing but a random delay."""


MANAGING = frozenset({"start", "stop", "restart", "reload", "try-restart", "reload-or-restart", "daemon-reload"})


def manages_services(base: str, texts: Sequence[str | None]) -> bool:
    """Whether a program starts or stops services, or asks for Docker's, without which nothing behind it is needed.

    >>> manages_services("systemctl", ["stop", "wiki"]), manages_services("systemctl", ["is-active", "-q", "wiki"])
    (True, False)
    """
    words = [text for text in texts if text and not text.startswith("-")]
    if base == "systemctl" and words[:1] == ["is-active"]:
        return set(words[1:]) <= {"docker", "docker.service"} and len(words) > 1
    return base in ("systemctl", "service") and bool(MANAGING & {*words})
