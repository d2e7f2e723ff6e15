"""Engine: how Docker's engine is set up, who reaches it, and what records that."""

from fleetkeeper.promises import JudgedPromise, promise
from fleetkeeper.topics.engine.rules import auditing, configuration, files, reach, upkeep


@promise(reach.is_reached_by_few)
def test_is_reached_by_few(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(files.files_belong_to_root)
def test_files_belong_to_root(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(auditing.is_audited)
def test_is_audited(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(configuration.keeps_containers_apart)
def test_keeps_containers_apart(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(configuration.is_set_up_soundly)
def test_is_set_up_soundly(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(configuration.asks_and_logs)
def test_asks_and_logs(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(upkeep.is_current)
def test_is_current(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(upkeep.has_its_own_disk)
def test_has_its_own_disk(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(upkeep.is_tidy)
def test_is_tidy(verdict: JudgedPromise) -> None:
    assert verdict.holds
