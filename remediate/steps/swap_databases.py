"""The steps of a restore in the live container: fill a new database, change two names, drop what was never live."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from fleetkeeper.transport.commands import Command, Output, Unobservable
from fleetkeeper.transport.script_files import load_script
from remediate.backups.database_contents import DatabaseContents, parse_contents, parse_names, why_failed
from remediate.backups.losses import entered_rows
from remediate.steps.put_content import ask_one
from remediate.steps.run_command import LAST_LINE, RunInContainer, outcome_of_exit
from remediate.steps.step import AlreadyBack, Done, LeftInPlace, Stale, StepContext

if TYPE_CHECKING:
    from fleetkeeper.transport.link import Link
    from fleetkeeper.transport.writing import WritingLink
    from remediate.backups.database_contents import Name

LIST_DATABASES = "remediate/backups/scripts/list_databases.sh"
FIND_CONTAINERS = "remediate/backups/scripts/find_containers.sh"
COUNT_SWAPS = "remediate/backups/scripts/count_swaps.sh"
COUNT_RESTORES = "remediate/backups/scripts/count_restores.sh"
DESCRIBE_CONTENTS = "remediate/backups/scripts/describe_contents.sh"
RESTORE_DATABASE = "remediate/backups/scripts/restore_database.sh"
DROP_DATABASE = "remediate/backups/scripts/drop_database.sh"
SWAP_DATABASES = "remediate/backups/scripts/swap_databases.sh"

UNCHANGED = (65, 73, 74)
"""Exit statuses of the scripts that changed nothing."""
KEPT = 67
"""Exit status of drop_database.sh when it keeps a database: it was live, or somebody has written in it."""


@dataclass(frozen=True)
class Server:
    """The database server in the live container.

    `live` is the name of the live database, `user` its role for the scripts. `called` is the service's name in Docker,
    `system` the system identifier of its data: a way back finds by them the container that has replaced the one that
    was seen. `limit` is in seconds.
    """

    node: str
    container: str
    service: str
    user: str
    live: str
    called: str = ""
    system: str = ""
    limit: float = 600.0

    def command(self, script: str, *words: str, limit: float = 0.0) -> Command:
        """The command that runs a script in the container, with `user` and `words`; `limit` in seconds (0: own)."""
        questions = ("docker", "exec", self.container, "sh", "-c", script, "sh", self.user, *words)
        return Command(questions, sudo=True, limit=limit or self.limit)

    def change_step(self, script: str, *words: str) -> RunInContainer:
        """The step that runs one of the scripts that change something; nothing is run here."""
        return RunInContainer(
            node=self.node,
            container=self.container,
            words=("sh", "-c", script, "sh", self.user, self.live, *words),
            service=self.service,
            unchanged=UNCHANGED,
            tells=True,
            limit=self.limit,
        )

    def raise_if_replaced(self, link: Link, context: StepContext) -> None:
        """Check that the container that was seen still runs. Raises Stale when it does not, Unobservable."""
        self.change_step(load_script(LIST_DATABASES)).still_true(link, context)

    def where_it_runs(self, link: Link, context: StepContext) -> Server:
        """The same server, in the container where it runs now. Whether it has the same data, `names` checks.

        It is found by the name of its service (`called`) when it has moved. Raises Stale when it does not run on this
        node, or several containers may be it, Unobservable.
        """
        try:
            self.raise_if_replaced(link, context)
        except Stale as gone:
            if not (self.called and self.system):
                raise
            answer = ask_one(
                link, Command(("sh", "-c", load_script(FIND_CONTAINERS), "find-container", self.called), sudo=True)
            )
            matches = answer.text().split()
            if len(matches) != 1:
                raise Stale(f"{gone}, and {len(matches)} others run on {self.node}") from None
            return replace(self, container=matches[0])
        return self

    def do(self, link: Link, step: RunInContainer) -> Done:
        """Run one of the scripts that change something; its text is kept without values of rows.

        Raises LeftInPlace when a database is kept, StepFailed and Lost as `outcome_of_exit` does.
        """
        answer = ask_one(link, step.command(step.words))
        if answer.rc == KEPT:
            raise LeftInPlace(last_line_of(answer))
        return outcome_of_exit(replace(answer, err=last_line_of(answer).encode("utf-8", "surrogateescape")), step)

    def named_databases(self, link: Link, *names: str) -> tuple[Name, ...]:
        """A `Name` for each of these names of databases, in order. Raises Stale for another server, Unobservable."""
        system, matches = parse_names(
            ask_one(link, self.command(load_script(LIST_DATABASES), self.live, *names, limit=120.0)), names
        )
        if self.system and system != self.system:
            raise Stale(f"{self.service} runs on other data now: system identifier {system or 'unknown'}")
        return matches

    def changes_names(self, link: Link) -> bool:
        """Whether a change of names runs in the server, even one that nobody waits for any more.

        Raises Unobservable.
        """
        return ask_one(link, self.command(load_script(COUNT_SWAPS), self.live, limit=60.0)).text().strip() != "0"

    def still_restores(self, link: Link, new: str) -> bool:
        """Whether a restore into the database `new` runs, even one that nobody waits for any more.

        Raises Unobservable.
        """
        return ask_one(link, self.command(load_script(COUNT_RESTORES), new, limit=60.0)).text().strip() != "0"

    def holds(self, link: Link, database: str) -> DatabaseContents:
        """The contents of one database. Raises Unobservable."""
        answer = ask_one(link, self.command(load_script(DESCRIBE_CONTENTS), database))
        answer.text()
        return parse_contents(answer)


@dataclass(frozen=True)
class DatabaseStep:
    """A step in the live container: it changes something there, and no directory of the node."""

    server: Server

    @property
    def node(self) -> str:
        """The node of the server's container."""
        return self.server.node

    @property
    def changes(self) -> bool:
        """True: it changes the server's databases."""
        return True

    def directories(self) -> tuple[str, ...]:
        """Empty: it writes in the container only."""
        return ()


@dataclass(frozen=True)
class RestoreDatabase(DatabaseStep):
    """Restore the dump at `path` (as the container sees it) into the new database `new`, beside the live one.

    `form` is the dump's format: sql, sql.gz or dump.
    """

    new: str
    path: str
    form: str
    kind: Literal["restore_database"] = "restore_database"

    @property
    def words(self) -> tuple[str, ...]:
        """The command inside the container."""
        return self.server.change_step(load_script(RESTORE_DATABASE), self.new, self.path, self.form).words

    def show(self) -> str:
        """One line with the dump's file name, the new and the live database, and the service."""
        dump = self.path.rpartition("/")[2]
        return f"restore {dump} into the new database {self.new}, beside {self.server.live} (in {self.server.service})"

    def still_true(self, link: Link, context: StepContext) -> None:
        """Check that the container is the one that was seen and that the new name is free.

        Raises Stale when it is not so, Unobservable.
        """
        self.server.raise_if_replaced(link, context)
        if self.server.named_databases(link, self.new)[0].there:
            raise Stale(f"there is a database {self.new} already")

    def inverse(self, link: Link, context: StepContext) -> DropDatabase:
        """The step that drops the restored database."""
        return DropDatabase(self.server, self.new)

    def do(self, link: WritingLink, context: StepContext) -> Done:
        """Restore the dump into the new database. Raises LeftInPlace, StepFailed and Lost as `Server.do`."""
        return self.server.do(
            link, self.server.change_step(load_script(RESTORE_DATABASE), self.new, self.path, self.form)
        )


@dataclass(frozen=True)
class DropDatabase(DatabaseStep):
    """Drop a database that a restore made, half filled or whole, if it was never live and holds what was restored."""

    name: str
    kind: Literal["drop_database"] = "drop_database"

    @property
    def words(self) -> tuple[str, ...]:
        """The command inside the container."""
        return self.server.change_step(load_script(DROP_DATABASE), self.name).words

    def show(self) -> str:
        """One line with the database, the condition, and the service."""
        return f"drop {self.name}, if it was never live and holds what was restored (in {self.server.service})"

    def still_true(self, link: Link, context: StepContext) -> None:
        """Check that the restored database exists and that no restore into it runs any more.

        Raises AlreadyBack when there is none, Stale while the restore runs, LeftInPlace when it was live, Unobservable.
        """
        server = self.server.where_it_runs(link, context)
        goes_on = server.still_restores(link, self.name)
        before, _, stamp = self.name.rpartition("_restored_")
        filling, whole = server.named_databases(link, f"{before}_filling_{stamp}", self.name)
        if not filling.there and not whole.there and goes_on:
            raise Stale(f"the restore into {self.name} goes on in the container: undo it once that has ended")
        if not filling.there and not whole.there:
            raise AlreadyBack(f"there is no database {self.name}")
        if whole.there and not whole.never_live:
            raise LeftInPlace(kept_database_note(self.name, "it was live"))

    def inverse(self, link: Link, context: StepContext) -> None:
        """None: a dropped database cannot be brought back."""

    def do(self, link: WritingLink, context: StepContext) -> Done:
        """Drop the database, if it was never live.

        Raises LeftInPlace when it was, and is kept; Stale, StepFailed, Lost, Unobservable.
        """
        server = self.server.where_it_runs(link, context)
        return server.do(link, server.change_step(load_script(DROP_DATABASE), self.name))


def last_line_of(answer: Output) -> str:
    """The last line on a script's standard error, without values of rows, at most LAST_LINE characters."""
    lines = answer.err.decode("utf-8", "replace").strip().split("\n")
    return why_failed(lines[-1])[:LAST_LINE]


def kept_database_note(name: str, why: str) -> str:
    """The message that a database is kept, for what reason, and how a person drops it."""
    return f'{name} is kept: {why}; once nobody needs it: DROP DATABASE "{name}";'


Numbers = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class SwapDatabases(DatabaseStep):
    """Give the live name to the database `takes`, and the name `aside` to the one that has it, in one transaction.

    The oids are those of the databases that were seen (empty: not known). `rows` and `content` are what `takes` held
    then, as (table, number) pairs. Without `replaces` nothing has the live name, and there is no way back. `back`: this
    is the way back of such a change.
    """

    takes: str
    aside: str
    takes_oid: str = ""
    live_oid: str = ""
    rows: Numbers = ()
    content: Numbers = ()
    replaces: bool = True
    back: bool = False
    kind: Literal["swap_databases"] = "swap_databases"

    @property
    def words(self) -> tuple[str, ...]:
        """The command inside the container that was seen."""
        return self.in_server(self.server).words

    def in_server(self, server: Server) -> RunInContainer:
        """The step that changes the names in that server."""
        expected = self.live_oid if self.replaces else "-"
        return server.change_step(load_script(SWAP_DATABASES), self.takes, self.aside, self.takes_oid, expected)

    def show(self) -> str:
        """One line with both changes of names, that sessions are ended, and the service."""
        live, back = self.server.live, "back " if self.back else ""
        first = f"end all sessions, rename {live} {back}to {self.aside} and " if self.replaces else ""
        return f"{first}rename {self.takes} {back}to {live}{', at once' if first else ''} (in {self.server.service})"

    def still_true(self, link: Link, context: StepContext) -> None:
        """Check that both databases are those that were seen, and that the aside name is free.

        Raises AlreadyBack when the names are changed already, Stale when other databases have them, Unobservable.
        """
        server = self.at(link, context)
        live, takes, aside = server.named_databases(link, self.server.live, self.takes, self.aside)
        if self.takes_oid and live.oid == self.takes_oid:
            raise AlreadyBack(f"{live.name} is that database already")
        if not takes.there or takes.oid != (self.takes_oid or takes.oid):
            raise Stale(f"the database {self.takes} is {'another one' if takes.there else 'not there'}")
        if live.there != self.replaces or live.oid != (self.live_oid or live.oid):
            raise Stale(f"{live.name} is not the database that was seen: it was replaced since")
        if aside.there:
            raise Stale(f"there is a database {self.aside} already")

    def at(self, link: Link, context: StepContext) -> Server:
        """The server where it runs: for a way back in any container, else only in the one that was seen.

        Raises Stale, Unobservable.
        """
        if self.back:
            return self.server.where_it_runs(link, context)
        self.server.raise_if_replaced(link, context)
        return self.server

    def inverse(self, link: Link, context: StepContext) -> SwapDatabases | None:
        """The step that changes the names back (nothing is asked); None when no database had the live name before."""
        if not self.replaces:
            return None
        return SwapDatabases(
            *(self.server, self.aside, self.takes, self.live_oid, self.takes_oid, self.rows, self.content),
            back=not self.back,
        )

    def losses(self, link: Link, context: StepContext) -> tuple[str, ...]:
        """Lines for a person before this is done: what was entered in the live database since, and where it stays.

        Empty where it cannot be done, has been done, or could not be seen: then nothing is lost. Raises nothing.
        """
        live = self.server.live
        try:
            self.still_true(link, context)
        except (Stale, Unobservable):
            return ()
        stays = kept_database_note(self.aside, f"it is what is called {live} now, with all that is in it")
        try:
            since = entered_rows(
                self.at(link, context).holds(link, live), DatabaseContents(dict(self.rows), content=dict(self.content))
            )
        except (Unobservable, Stale) as why:
            return (f"what was entered in {live} since could not be counted: {why}", stays)
        return (*(f"undo loses {line}, entered since in {live}" for line in since), stays)

    def do(self, link: WritingLink, context: StepContext) -> Done:
        """Change the names in one transaction. Raises Stale for another server, StepFailed, Lost, Unobservable."""
        server = self.at(link, context)
        return server.do(link, self.in_server(server))
