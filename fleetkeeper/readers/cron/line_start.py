"""Whether cron starts the command of a line at all: its shell, PAM, the home directory, a file on which cron hangs."""

from __future__ import annotations

from fleetkeeper.readers.cron.accounts import refusal_of
from fleetkeeper.readers.cron.answers import Answers
from fleetkeeper.readers.cron.crontab import Job
from fleetkeeper.readers.cron.crontab_files import VALID_NAME
from fleetkeeper.readers.cron.loader import possible_loaders
from fleetkeeper.readers.shell.surroundings import Surroundings
from fleetkeeper.readers.shell.truth import YES, Truth


def line_surroundings(job: Job, user: str, answers: Answers) -> Surroundings:
    """The surroundings of a line's command: as this user, with the SHELL and the HOME that its crontab sets."""
    return answers.surroundings(user, job.environment.get("SHELL", "/bin/sh"), job.environment.get("HOME", ""))


def shell_starts(job: Job, around: Surroundings) -> Truth:
    """Whether cron can start the shell that the crontab sets: not when its path is not whole, or it is missing.

    Not to be told before the node was asked: the question is added to `around`.
    """
    shell = job.environment.get("SHELL", "/bin/sh")
    if not shell.startswith("/"):
        return Truth(False, f"its crontab sets SHELL={shell[:60]}, which is no whole path, so cron cannot start it")
    there = True if shell == "/bin/sh" else around.is_program(shell)
    if there is None:
        return Truth(None, f"its crontab sets SHELL={shell[:60]}, and whether it is there was not seen")
    return YES if there else Truth(False, f"its crontab sets SHELL={shell[:60]}, which is not there")


def cron_starts(user: str, home: str | None, answers: Answers) -> Truth:
    """Whether the daemon starts anything for this user: PAM, a home directory, a file on which cron hangs.

    `home` is the HOME that the crontab sets, None where it sets none. YES for what the node was not asked.
    """
    pipes = [path for path in answers.printed.lines.get("fifo", []) if VALID_NAME.fullmatch(path.rpartition("/")[2])]
    loaders = possible_loaders(answers.printed)
    if pipes and "cronie" not in loaders:
        return Truth(False, f"cron hangs in {pipes[0]}, a named pipe, and reads no crontab any more")
    refusal = refusal_of(user, answers.lines)
    if refusal is None:
        return Truth(None, f"whether access.conf lets cron run anything for {user} cannot be told")
    if refusal:
        return Truth(False, f"PAM refuses {user} to cron: {refusal}")
    return home_there(user, home, answers) if loaders == ("cronie",) else YES


def home_there(user: str, home: str | None, answers: Answers) -> Truth:
    """Whether the home directory in which cronie starts the command is there: without it nothing is run.

    YES for one that was not looked for. `home` is the HOME that the crontab sets, None where it sets none.
    """
    if home == "":
        return Truth(False, "its crontab sets an empty HOME, in which cronie starts nothing")
    directory = answers.surroundings(user, home=home or "").directory
    state = answers.paths.get(directory)
    return Truth(False, f"its home directory {directory[:100]} is not there") if state and state.missing else YES
