"""What is known of the backups on a node's schedules while its places are read, and what must still be asked."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

from fleetkeeper.readers.cron.answers import Answers
from fleetkeeper.readers.cron.called_scripts import ScriptCall
from fleetkeeper.readers.cron.loader import CRON_PATH
from fleetkeeper.readers.cron.script_start import Starter
from fleetkeeper.readers.docker.docker_exec import Execution
from fleetkeeper.readers.shell.surroundings import MOST_QUESTIONS, Surroundings
from fleetkeeper.topics.schedules.facts import Entry, Suspect

MOST_ENTRIES = 2000
TOO_MANY = "there are more scripts and entries than are read here"


@dataclass(frozen=True)
class Candidate:
    """An entry, and what must still be asked of the node about it.

    One of `programs` must exist for its docker to be found. `users` (name, line) must all exist, its own and those of
    other lines of the same file: one that does not exist makes cron ignore the file. `zoned`: its crontab sets CRON_TZ.
    `acting` is the account that sudo or runuser gives it, or "". `granted`: its unit gives it the group of Docker's
    socket. `home` is the HOME that its crontab sets, if any. `chosen`: it says itself which engine it asks.
    """

    entry: Entry
    programs: tuple[str, ...] = ()
    users: tuple[tuple[str, int], ...] = ()
    zoned: bool = False
    acting: str = ""
    home: str | None = None
    granted: bool = False
    chosen: bool = False


@dataclass(frozen=True)
class Behind:
    """A line, or a timer, that runs a script: what the script does is only known once it was read.

    `made` makes the candidate from a `docker exec` in the script; until then there is only a `suspect`. `user` runs it,
    under `path`. `level` counts the scripts around it, `environment` is what the crontab sets.
    """

    call: ScriptCall
    suspect: Suspect
    made: Callable[[Execution], Candidate]
    user: str
    starter: Starter = "shell"
    path: str = CRON_PATH
    level: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass
class ScheduledBackups:
    """Everything about backups in the places of one node. `jobs` is the number of entries in users' crontabs.

    `questions` are what must still be asked of the node about them. `earlier` is what scripts added in the rounds
    before, by their keys.
    """

    answers: Answers
    candidates: list[Candidate] = field(default_factory=list)
    suspects: list[Suspect] = field(default_factory=list)
    behind: list[Behind] = field(default_factory=list)
    jobs: int = 0
    questions: dict[str, None] = field(default_factory=dict)
    earlier: dict[Hashable, EarlierReading] = field(default_factory=dict)

    def read_script(self, key: Hashable, read: Callable[[ScheduledBackups], Surroundings]) -> ScheduledBackups:
        """What `read` adds about one script, which is added here; `behind` is left to the caller.

        `read` is given an empty ScheduledBackups, and returns the surroundings in which it read the script. It is not
        called where it was in an earlier round, and none of what it wanted to know was answered since.
        """
        earlier = self.earlier.get(key)
        if earlier is None or not earlier.stands(self.answers):
            part = ScheduledBackups(self.answers)
            earlier = self.earlier[key] = EarlierReading(part, read(part), len(self.answers.asked))
        part = earlier.part
        self.candidates.extend(part.candidates)
        self.suspects.extend(part.suspects)
        self.questions.update(part.questions)
        return part

    def ask(self, around: Surroundings) -> None:
        """Take over the questions about a command, and ask for the files that it reads as a part of itself."""
        sourced = {f"={path}": None for path in around.sourced if path not in around.texts}
        self.questions.update({**around.questions, **sourced})

    def ask_for_sourced(self, around: Surroundings, suspect: Suspect) -> None:
        """Ask for the files that a script reads; where one could not be read, what runs the script is a suspect."""
        for path in around.sourced:
            if path in around.texts:
                continue
            state = self.answers.paths.get(path)
            if f"={path}" not in self.answers.asked:
                self.questions.update({f"={path}": None, f"?{path}": None})
            elif state is None or not state.missing:
                self.suspect(suspect, f"it reads {path}, which could not be read")

    def suspect(self, suspect: Suspect, why: str) -> None:
        """Add a suspect with why it may be the backup; nothing where `why` is empty."""
        if why:
            self.suspects.append(replace(suspect, why=why))


@dataclass(frozen=True)
class EarlierReading:
    """What reading a script added, the surroundings that it was read in, and how many words had been asked by then."""

    part: ScheduledBackups
    around: Surroundings
    asked: int

    def stands(self, answers: Answers) -> bool:
        """Whether reading it again would add the same: no word that was asked since then is one of its questions.

        Any word about a user may be one. Not where more is asked than its own questions: about candidates, or too many.
        """
        if self.part.candidates or len(self.around.questions) >= MOST_QUESTIONS:
            return False
        own = {*self.around.questions, *(f"={path}" for path in self.around.sourced)}
        return all(word[0] in "=/?&" and word not in own for word in islice(answers.asked, self.asked, None))
