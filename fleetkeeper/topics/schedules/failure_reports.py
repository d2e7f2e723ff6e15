"""Whether anybody hears of a backup that fails, and whether a password goes into a log or a mail with it.

Cron sends what a command prints by mail, with the command as its subject and the crontab's settings in its headers; it
does not look at its status. Source: cron(8), crontab(5); do_command.c of Debian's cron.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from fleetkeeper.readers.docker.docker_exec import Execution

NULL = "/dev/null"
TELLERS = frozenset({"logger", "systemd-cat", "mail", "mailx", "ts", "tee", "chronic"})
"""Programs at the end of a pipe that pass on what they read."""
PLAIN_NAME = re.compile(r"[\w.+-]{1,30}", re.ASCII)
SECRET_NAME = re.compile(r"passw|passphrase|secret|token|api_?key|pgpass", re.IGNORECASE)
SECRET_SET = re.compile(r"(?:passw|passphrase|secret|token|api_?key)\w{0,20}=[^\s$'\"`;&|]", re.IGNORECASE | re.ASCII)
SECRET_QUOTED = re.compile(r"(?:passw|passphrase|secret|token)\w{0,20}=['\"][^\s$'\"]", re.IGNORECASE)
USER_AND_PASSWORD = re.compile(r"://[^\s/:@]{1,60}:[^\s/@$]{1,60}@|(?:-u|--user)[ =][^\s:$]{1,60}:[^\s$]", re.ASCII)
LINE_HOLDS = "holds a password, which cron writes into its log and into the subject of its mail"
SETTING_HOLDS = "stands below a setting with a password, which cron writes into the headers of each mail"
TRACED = "prints each command before it runs it (`set -x`), and with that a password"


def untold_failures(run: Execution, environment: Mapping[str, str]) -> Iterator[str]:
    """How a failure of a run stays untold, each to be read behind the name of its entry; nothing where it is told.

    `environment` is what the crontab sets. Several may be yielded for one run. Only what the run's own line and script
    show.
    """
    fate = run.fate
    if fate.swallowed:
        yield "cannot fail: `|| true` makes a success of any failure"
    piped = fate.piped_into if PLAIN_NAME.fullmatch(fate.piped_into) else "another program" if fate.piped_into else ""
    if piped and (fate.judged or piped not in TELLERS):
        yield f"cannot fail: only the status of `{piped}`, at the end of its pipe, counts (no pipefail)"
    if fate.judged and not fate.swallowed:
        return
    if fate.errors == NULL:
        yield "throws away what it says about a failure, and nothing asks whether it succeeded"
    elif not fate.errors and environment.get("MAILTO") == "" and piped not in TELLERS:
        yield "tells nobody of a failure: MAILTO is empty, so cron drops what it says"


def exposed_secrets(command: str, environment: Mapping[str, str]) -> Iterator[str]:
    """How a line of a crontab, or a setting above it, exposes a password, to be read behind the name of its entry.

    >>> list(exposed_secrets("PGPASSWORD=x docker exec db backup", {})) == [LINE_HOLDS]
    True
    >>> list(exposed_secrets("PGPASSWORD=$(cat /root/pw) docker exec db backup", {}))
    []
    """
    if any(pattern.search(command) for pattern in (SECRET_SET, SECRET_QUOTED, USER_AND_PASSWORD)):
        yield LINE_HOLDS
    if any(value and SECRET_NAME.search(name) for name, value in environment.items()):
        yield SETTING_HOLDS


def traced_secrets(text: str, run: Execution) -> Iterator[str]:
    """A sentence that a script, or a line, prints its own commands and so a secret; nothing where it does not.

    It does with `-x` or `set -x`, and a name like PASSWORD in its text. The value is never part of the sentence.
    """
    option = text.startswith("#!") and re.match(r"#![^\n]{0,80} -\w{0,6}x", text) is not None
    if (run.fate.traced or option) and SECRET_NAME.search(text):
        yield TRACED
