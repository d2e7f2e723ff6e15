"""The scripts of a restore against a real server: what is dropped, what is kept, and which dumps are refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetkeeper.transport.commands import Command, Output
from fleetkeeper.transport.script_files import load_script
from remediate.backups.database_contents import DatabaseContents, parse_contents, parse_names
from tests.helpers.postgres import THERE, PrivateServer, ServerLink, private_server

pytestmark = pytest.mark.skipif(not THERE, reason="postgres is not installed")
LIVE, NEW, ASIDE = "live", "live_restored_20260202_000000", "live_before_20260202_000000"


@pytest.fixture(scope="module")
def own() -> Iterator[PrivateServer]:
    with private_server() as server:
        yield server


@pytest.fixture
def server(own: PrivateServer) -> Iterator[PrivateServer]:
    """The server with a live database of 100 rows, and nothing else."""
    own.sql("CREATE DATABASE live; COMMENT ON DATABASE live IS 'the team''s own';")
    own.sql("CREATE TABLE a AS SELECT generate_series(1, 100) id", LIVE)
    yield own
    for name in own.databases():
        own.sql(f'DROP DATABASE "{name}" WITH (FORCE)')
    for dump in own.folder.glob("*.sql"):
        dump.unlink()


def run_script(server: PrivateServer, name: str, *words: str) -> int:
    """The exit status of one of the scripts of a restore, as user postgres of the live database."""
    return server.run(load_script(f"remediate/backups/scripts/{name}.sh"), "postgres", LIVE, *words)


def restore(server: PrivateServer, dump: Path | None = None, new: str = NEW) -> int:
    return run_script(server, "restore_database", new, str(dump or server.dump(LIVE)), "sql")


def swap(server: PrivateServer, taken: str = NEW, aside: str = ASIDE, *oids: str) -> int:
    """Give the live name to `taken`, and the name `aside` to what had it; `oids` are those of both, as they were."""
    return run_script(server, "swap_databases", taken, aside, *oids)


def drop(server: PrivateServer) -> int:
    return run_script(server, "drop_database", NEW)


def restored(server: PrivateServer, dump: Path | None = None) -> None:
    assert restore(server, dump) == 0, server.said


def swapped(server: PrivateServer) -> None:
    assert swap(server) == 0, server.said


def comment(server: PrivateServer, name: str) -> str:
    return server.sql(f"SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '{name}'")


def test_what_was_never_live_is_dropped(server: PrivateServer) -> None:
    restored(server)
    assert f"{NEW} was never live; 100 rows; sha256 " in comment(server, NEW)
    assert drop(server) == 0
    assert set(server.databases()) == {LIVE}


def test_two_undos_of_a_restore_keep_what_was_entered_since(server: PrivateServer) -> None:
    restored(server)
    swapped(server)
    server.sql("CREATE TABLE a_week_of_orders AS SELECT generate_series(1, 5000) id", LIVE)
    assert swap(server, ASIDE, NEW) == 0
    assert drop(server) == 67
    assert "is kept: nothing says that it was never live" in server.said
    assert server.sql("SELECT count(*) FROM a_week_of_orders", NEW) == "5000"


def test_the_comment_of_the_live_database_comes_with_its_name_and_the_mark_goes(server: PrivateServer) -> None:
    restored(server)
    swapped(server)
    assert (comment(server, LIVE), comment(server, ASIDE)) == ("the team's own",) * 2


@pytest.mark.parametrize(
    "change",
    ["INSERT INTO a VALUES (7)", "UPDATE a SET id = -id WHERE id = 3", "CREATE TABLE b AS SELECT 1", "DELETE FROM a"],
)
def test_what_somebody_has_written_in_is_kept_though_it_was_never_live(server: PrivateServer, change: str) -> None:
    restored(server)
    server.sql(change, NEW)
    assert drop(server) == 67
    assert "since it was restored" in server.said
    assert NEW in server.databases()


@pytest.mark.parametrize("name", [NEW, "live_filling_20260202_000000"])
def test_a_database_of_that_name_that_no_restore_made_is_kept(server: PrivateServer, name: str) -> None:
    server.sql(f"CREATE DATABASE {name}")
    server.sql("CREATE TABLE mine (x int)", name)
    assert drop(server) == 67
    assert name in server.databases()


def test_a_live_database_that_somebody_has_given_the_name_by_hand_is_kept(server: PrivateServer) -> None:
    restored(server)
    server.sql(f"ALTER DATABASE {LIVE} RENAME TO {ASIDE}; ALTER DATABASE {NEW} RENAME TO {LIVE};")
    server.sql("INSERT INTO a VALUES (101)", LIVE)
    server.sql(f"ALTER DATABASE {LIVE} RENAME TO {NEW}; ALTER DATABASE {ASIDE} RENAME TO {LIVE};")
    assert drop(server) == 67
    assert NEW in server.databases()


def test_a_database_that_went_aside_is_never_taken_for_a_restored_one(server: PrivateServer) -> None:
    restored(server)
    server.sql(f"ALTER DATABASE {LIVE} RENAME TO {ASIDE}; ALTER DATABASE {NEW} RENAME TO {LIVE};")
    other = "live_restored_20260303_000000"
    assert restore(server, new=other) == 0
    assert swap(server, other, NEW) == 0  # the one of the mark has its old name again
    assert drop(server) == 67


def test_what_is_left_of_a_killed_fill_goes_with_its_mark_or_while_it_is_empty(server: PrivateServer) -> None:
    filling = NEW.replace("restored", "filling")
    for half in ("", f"COMMENT ON DATABASE {filling} IS 'fleetkeeper: {filling} was never live; being restored'"):
        server.sql(f"CREATE DATABASE {filling} TEMPLATE template0")
        if half:
            server.sql(half)
            server.sql("CREATE TABLE half (x int)", filling)
        assert drop(server) == 0, server.said
        assert set(server.databases()) == {LIVE}


def test_a_database_with_a_newer_mark_is_kept(server: PrivateServer) -> None:
    restored(server)
    server.sql(f"COMMENT ON DATABASE {NEW} IS 'fleetkeeper: {NEW} was never live; v2; 100 rows; sha512 f00'")
    assert drop(server) == 67
    assert "is kept: this fleetkeeper does not know its mark: upgrade it here" in server.said
    assert NEW in server.databases()


def test_only_the_databases_that_were_seen_change_their_names(server: PrivateServer) -> None:
    restored(server)
    before = server.databases()
    assert swap(server, NEW, ASIDE, before[LIVE], before[NEW]) == 65
    assert swap(server, NEW, ASIDE, before[NEW], "1") == 65
    assert swap(server, NEW, ASIDE, before[NEW], "-") == 65
    assert server.databases() == before
    assert swap(server, NEW, ASIDE, before[NEW], before[LIVE]) == 0
    assert server.databases() == {LIVE: before[NEW], ASIDE: before[LIVE]}
    assert swap(server, NEW, ASIDE, before[NEW], before[LIVE]) == 0, "already so"


def test_a_dump_with_a_subscription_can_be_dropped_again(server: PrivateServer) -> None:
    server.sql("CREATE SUBSCRIPTION feed CONNECTION 'host=nowhere' PUBLICATION p WITH (connect = false)", LIVE)
    try:
        assert held_of(server, load_script("remediate/backups/scripts/describe_server.sh")).subscriptions == ("feed",)
        restored(server)
        assert drop(server) == 0, server.said
    finally:
        server.sql("ALTER SUBSCRIPTION feed SET (slot_name = NONE)", LIVE)
        server.sql("DROP SUBSCRIPTION feed", LIVE)


def held_of(server: PrivateServer, script: str, *words: str) -> DatabaseContents:
    return parse_contents(answer_of(server, script, *(words or (LIVE,))))


def answer_of(server: PrivateServer, script: str, *words: str) -> Output:
    """What a script prints in the container of the server, as user postgres."""
    link = ServerLink(server=server)
    [answer] = link.ask([Command(("docker", "exec", link.container, "sh", "-c", script, "sh", "postgres", *words))])
    return answer


def test_no_name_of_a_table_passes_for_the_numbers_of_another(server: PrivateServer) -> None:
    server.sql('CREATE TABLE "x\nrows public.a|9" (id int); CREATE TABLE "b\\n" (id int)', LIVE)
    held = held_of(server, load_script("remediate/backups/scripts/describe_contents.sh"))
    assert held.rows["public.a"] == 100
    assert len(held.rows) == 4


def test_the_server_tells_the_oids_and_marks_of_names(server: PrivateServer) -> None:
    restored(server)
    names = (LIVE, NEW, ASIDE)
    answer = answer_of(server, load_script("remediate/backups/scripts/list_databases.sh"), LIVE, *names)
    system, (live, new, aside) = parse_names(answer, names)
    assert system.isdigit()
    assert (live.oid, new.oid) == (server.databases()[LIVE], server.databases()[NEW])
    assert (live.never_live, new.never_live, aside.there) == (False, True, False)


QUOTED = r"""
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT 'to look:
\connect rodan
' $$;
CREATE TABLE notes (body text);
INSERT INTO notes VALUES ('how to:
\c rodan');
COMMENT ON TABLE notes IS 'see
\! date';
"""


@pytest.mark.parametrize("options", [(), ("--inserts",)])
def test_a_dump_whose_texts_tell_of_connecting_is_restored(server: PrivateServer, options: tuple[str, ...]) -> None:
    server.sql(QUOTED, LIVE)
    restored(server, server.dump(LIVE, *options))
    assert server.sql("SELECT body FROM notes", NEW).endswith("\\c rodan")


@pytest.mark.parametrize(
    "line",
    [
        "\\connect postgres",
        "\\c postgres",
        "\\unrestrict k \\c postgres",
        "SELECT 1; \\c postgres",
        "\\! id",
        "\\i /etc/passwd",
        "SELECT 'a' \\gexec",
    ],
)
def test_a_dump_with_commands_of_its_own_choice_is_refused(server: PrivateServer, line: str) -> None:
    server.sql(QUOTED, LIVE)
    dump = server.dump(LIVE)
    dump.write_text(f"{dump.read_text()}\n{line}\n")
    assert restore(server, dump) == 65
    assert set(server.databases()) == {LIVE}
