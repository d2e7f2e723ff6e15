"""Which scheduled lines remove dumps, and of which it cannot be told."""

from __future__ import annotations

import pytest

from fleetkeeper.readers.shell.removals import FilesIn
from fleetkeeper.topics.schedules.deleters import DumpDirectories, removing_programs

DUMPS = DumpDirectories(FilesIn("/srv/dumps", "db_2001-02-03.sql.gz"), FilesIn("/backups"))


@pytest.mark.parametrize("line", ["cd $X && rm -f *.sql.gz", "cd $X; find . -mtime +7 -delete", "cd $X/old; rm *"])
def test_what_is_removed_behind_a_cd_to_where_is_not_known_is_unknown(line: str) -> None:
    [(_, target, _)] = removing_programs(line, DUMPS)
    assert target is not None
    assert target.kind == "unclear"
    assert "the directory where it runs is not known" in target.why


@pytest.mark.parametrize("line", ["cd $X; rm -f *.log", "cd /srv/other; rm -f *.sql.gz", "cd $X; rm -f /tmp/x.sql.gz"])
def test_other_files_behind_a_cd_are_nothing(line: str) -> None:
    assert list(removing_programs(line, DUMPS)) == []


def test_what_is_surely_removed_is_told_once() -> None:
    assert [target for _, target, _ in removing_programs("cd $X; rm -f /srv/dumps/*.sql.gz", DUMPS)] == [None]


@pytest.mark.parametrize("script", ["cd /backups && ls -t | tail -n +30 | xargs rm", "cd /backups; rm -f *.sql.gz"])
def test_what_a_shell_in_the_container_removes_where_it_went_is_the_dumps(script: str) -> None:
    assert [elsewhere for *_, elsewhere in removing_programs(f"docker exec pg sh -c '{script}'", DUMPS)] == [False]
    away = script.replace("/backups", "/tmp")
    assert [elsewhere for *_, elsewhere in removing_programs(f"docker exec pg sh -c '{away}'", DUMPS)] == [True]
