"""The rule that the newest dump holds what the database holds. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.inventory.units import count_of
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.backups.backup import Backup
from fleetkeeper.topics.backups.catalog import catalog_of
from fleetkeeper.topics.backups.database.facts import Cluster
from fleetkeeper.topics.backups.database.facts import Facts as Databases
from fleetkeeper.topics.backups.missing_tables import doubtful_tables, live_database, name_tables
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.backups.retention import SEE_COMMAND
from fleetkeeper.topics.backups.rules.dumps import not_proven
from fleetkeeper.topics.services.idle_reasons import idle_reason
from fleetkeeper.transport.commands import Unobservable

GRANT = "`GRANT pg_read_all_data TO` the user of backups (`backups.user`)"
BUILT_IN = frozenset({"plpgsql"})


def hold_the_live_tables(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """The newest complete backup holds the tables that have rows in the database.

    A dump can be whole and hold the schema only, one table of several, roles only, or another database. Judged by the
    names in the dump's own text against the tables of the live database that have rows (the 300 biggest). A table that
    may have come after the dump is no fault, nor is one of an extension; those that are left out on purpose are named
    in `left_out`. A dump that lacks a table which it should have counts for nothing that `keep` asks for, and while the
    newest does, no complete dump is removed. A dump of pg_dumpall is told, since a restore refuses it, and an extension
    that the server does not have. Unknown while no dump is complete, where what the newest holds is not known, and
    where the database was not asked or does not run exactly once.
    """
    policy = fleet.inventory.section(Policy)
    catalog = catalog_of(fleet, policy)
    if not catalog.proven:
        raise not_proven(fleet, "there is no complete backup to look into", catalog.backups)
    newest = catalog.proven[0]
    if newest.contents is None:
        raise not_proven(fleet, f"what {newest.name} holds is not known")
    if newest.lacks:
        yield Finding(
            saw=f"{newest.name} is no backup of the database: {newest.lacks}",
            want="every table that has rows, but those of `left_out`",
            why="it would restore without what it lacks, and pushes out the good ones",
            node=policy.volume.node,
            about=newest.name,
            hint=SEE_COMMAND,
        )
    yield from refused_later(newest, policy)
    yield from against_the_live_one(fleet, newest, policy)


def refused_later(newest: Backup, policy: Policy) -> Iterator[Finding]:
    """A warning for a dump of pg_dumpall: only a person can restore it.

    Nothing for any other, or where its contents are not known.
    """
    if newest.contents and newest.contents.cluster:
        yield Finding(
            saw=f"{newest.name} is made by pg_dumpall: `remediate backups restore` refuses it, and so does a drill",
            want="a dump of pg_dump, of the one database",
            why="it goes to databases of its own choice: restored as it is, it would write into those that run",
            node=policy.volume.node,
            about=newest.name,
            severity="warning",
            hint="dump the database with pg_dump, and roles beside it with `pg_dumpall -g`",
        )


def against_the_live_one(fleet: Fleet, newest: Backup, policy: Policy) -> Iterator[Finding | Unobservable]:
    """What only the live database tells: tables that may be missing, extensions that it does not have.

    An Unobservable where it does not run exactly once, or tables were not seen, may not be read, or cannot be dated.
    Raises Unobservable when the servers of a node were not seen.
    """
    clusters = [
        (node, cluster)
        for node in fleet.inventory.nodes
        for cluster in raise_if_unobservable(fleet.of(node, Databases).clusters, node)
    ]
    if len(clusters) != 1:
        where = ", ".join(node for node, _ in clusters) or f"nowhere{idle_reason(fleet, policy.service)}"
        yield Unobservable(
            f"{policy.service} should run once, and runs {where}; there is nothing to compare dumps with"
        )
        return
    [(node, cluster)] = clusters
    live = live_database(fleet, policy)
    if live is None:
        yield Unobservable("which tables of the database have rows was not seen", hint=GRANT, node=node)
        return
    if cluster.unread:
        yield Unobservable(f"the role may not look into {count_of(cluster.unread, 'table')}", hint=GRANT, node=node)
    doubtful = () if newest.lacks else doubtful_tables(newest, live)
    if doubtful:
        unsure = "whether they are newer or had other names then cannot be told"
        why = f"{newest.name} lacks {name_tables(doubtful)}; {unsure}"
        yield Unobservable(
            why, hint="`remediate backups drill` compares all of them; see `backups.left_out`", node=node
        )
    yield from lacking_extensions(newest, node, cluster)


def lacking_extensions(newest: Backup, node: str, cluster: Cluster) -> Iterator[Finding]:
    """A finding for the extensions that the dump needs and the server does not have; none where either is not known."""
    if newest.contents is None or cluster.available is None:
        return
    lacking = sorted({*newest.contents.extensions} - {*cluster.available} - BUILT_IN)
    if lacking:
        yield Finding(
            saw=f"{newest.name} needs {', '.join(lacking)}, which the server cannot create",
            want="an image with every extension that the dump creates",
            why="a restore would stop at the first of them",
            node=node,
            about=newest.name,
            hint="install the extension's package in the image of the database",
        )
