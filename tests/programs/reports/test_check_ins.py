"""Check-ins to monitors of Sentry, against a server on this machine that records what it hears."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim

from fleetkeeper.inventory.load import InventoryError
from fleetkeeper.inventory.owners import Person
from fleetkeeper.inventory.sentry_policy import CheckIns
from fleetkeeper.reports.check_ins import CheckInRun, Monitor, monitor_slug, proven_status, sentry_actor
from fleetkeeper.reports.sentry_events import Sender, envelope_of
from fleetkeeper.reports.sentry_receiver import SentryReceiver
from fleetkeeper.topics.registry import load_inventory
from tests.programs.reports.test_heartbeat import INVENTORY
from tests.programs.reports.test_issue_delivery import KEY, Recorder, recorder
from tests.pure.reports.test_history import make_item

__all__ = ["recorder"]
DUE = CheckIns(schedule="30 5 * * *", timezone="Europe/Vienna", grace=timedelta(minutes=90))
FIELDS = {"check_in_id", "monitor_slug", "status", "environment", "duration", "monitor_config", "release"}
CONFIG = {"schedule", "timezone", "checkin_margin", "max_runtime", "failure_issue_threshold", "recovery_threshold"}


def raise_if_malformed(check_in: dict[str, Any]) -> None:
    """Fail for a check-in that Sentry would throw away, whatever it answers."""
    assert set(check_in) <= FIELDS
    assert re.fullmatch(r"[0-9a-f]{32}", check_in["check_in_id"])
    assert re.fullmatch(r"[a-z0-9_-]{1,50}", check_in["monitor_slug"])
    assert check_in["status"] in ("in_progress", "ok", "error")
    assert re.fullmatch(r"[^/\r\n]{1,64}", check_in["environment"])
    assert isinstance(check_in.get("duration", 0.0), float)
    config = check_in["monitor_config"]
    assert CONFIG <= set(config) <= CONFIG | {"owner"}
    assert set(config["schedule"]) == {"type", "value"}
    assert config["schedule"]["type"] == "crontab"
    assert CronSim(config["schedule"]["value"], datetime(2026, 1, 1, tzinfo=UTC))
    assert ZoneInfo(config["timezone"])
    for name in CONFIG - {"schedule", "timezone"}:
        assert type(config[name]) is int
        assert 1 <= config[name] <= 40320
    assert re.fullmatch(r"(team:[^# ]+|user:.+)", config.get("owner", "team:x"))


def run_of(recorder: Recorder, dsn: str = "", patience: float = 5.0) -> CheckInRun:
    receiver = SentryReceiver(dsn or recorder.dsn, Sender("lab", "", "0.1.0"), patience)
    return CheckInRun(receiver, Monitor("audit", "lab", DUE), patience=patience)


def item_of(rule: str, outcome: str = "holds", **more: object) -> dict:
    return make_item(rule=rule, outcome=outcome, **{"owner": "", **more})


def audited(run: CheckInRun, *items: dict, well: bool = True) -> str:
    inventory = SimpleNamespace(name="lab", people={"dba": Person(sentry="#database")})
    run.start()
    return run.end(well=well, proven=list(run.proven_by(inventory, items)))


def test_an_audit_begins_and_ends_and_says_what_it_has_proven(recorder: Recorder) -> None:
    fresh = item_of("backups.are_fresh", owner="dba")
    renewed = [item_of("certificates.will_renew"), item_of("certificates.are_far_from_expiry", "finding")]
    assert audited(run_of(recorder), fresh, *renewed) == ""
    check_ins = [check_in for _, _, check_in in recorder.heard]
    for check_in in check_ins:
        raise_if_malformed(check_in)
    assert [(check_in["monitor_slug"], check_in["status"]) for check_in in check_ins] == [
        ("lab-audit", "in_progress"),
        ("lab-audit", "ok"),
        ("lab-backup", "ok"),
        ("lab-certbot", "error"),
    ]
    start, end, backup, _ = check_ins
    assert start["check_in_id"] == end["check_in_id"] != backup["check_in_id"]
    assert end["duration"] >= 0
    assert backup["monitor_config"]["owner"] == "team:database"
    assert backup["monitor_config"]["checkin_margin"] == 90
    path, headers, _ = recorder.heard[0]
    assert path == "/api/7/envelope/"
    assert headers["X-Sentry-Auth"].endswith(f"sentry_key={KEY}")


def test_an_audit_that_ends_badly_says_so(recorder: Recorder) -> None:
    audited(run_of(recorder), well=False)
    assert [check_in["status"] for _, _, check_in in recorder.heard] == ["in_progress", "error"]


@pytest.mark.parametrize("outcome", ["unknown", "waived", "not_applicable"])
def test_what_is_not_proven_is_no_check_in(recorder: Recorder, outcome: str) -> None:
    assert audited(run_of(recorder), item_of("backups.are_fresh", outcome)) == ""
    assert {check_in["monitor_slug"] for _, _, check_in in recorder.heard} == {"lab-audit"}


def test_a_promise_beside_one_that_is_unknown_or_was_left_out_proves_nothing() -> None:
    holds, broken = item_of("r.r"), item_of("r.r", "finding")
    assert proven_status([holds, item_of("r.r", "not_applicable")]) == "ok"
    assert proven_status([holds, item_of("r.r", "unknown")]) == ""
    assert proven_status([holds, {**holds, "left_out": True}]) == ""
    assert proven_status([item_of("r.r", "unknown"), broken]) == "error"
    assert proven_status([]) == ""


def test_another_inventory_of_the_run_proves_nothing_here(recorder: Recorder) -> None:
    audited(run_of(recorder), {**item_of("backups.are_fresh"), "inventory": "other"})
    assert {check_in["monitor_slug"] for _, _, check_in in recorder.heard} == {"lab-audit"}


@pytest.mark.parametrize(
    ("status", "headers", "trouble"),
    [(401, {}, "it answered 401"), (429, {"Retry-After": "60"}, "60 s"), (307, {"Location": "/x"}, "it answered 307")],
)
def test_a_refusal_is_one_line_without_the_key(
    recorder: Recorder, status: int, headers: dict[str, str], trouble: str
) -> None:
    recorder.status, recorder.headers = status, headers
    line = audited(run_of(recorder), item_of("backups.are_fresh"))
    assert trouble in line
    assert "\n" not in line
    assert KEY not in line
    assert len(recorder.heard) == 2, "after a refusal nothing more is sent"


def test_a_server_that_hangs_delays_no_more_than_the_limit(recorder: Recorder) -> None:
    recorder.pause = 1.2
    began = time.monotonic()
    assert "no answer within 0.4 s" in audited(run_of(recorder, patience=0.4))
    assert time.monotonic() - began < 1.1


@pytest.mark.parametrize("dsn", [f"http://{KEY}@127.0.0.1:1/7", f"http://{KEY}@127.0.0.1/x", KEY])
def test_no_trouble_shows_the_key(recorder: Recorder, dsn: str) -> None:
    line = audited(run_of(recorder, dsn))
    assert line
    assert KEY not in line


@pytest.mark.parametrize("name", ["lab", "Production", "x" * 300, "a.b", "büro", "1", "-", "\ud800"])
def test_a_slug_is_one_that_sentry_takes_and_two_names_have_two(name: str) -> None:
    slugs = {monitor_slug(other, "certbot") for other in (name, f"{name}.", f"{name}y")}
    assert len(slugs) == 3
    assert all(re.fullmatch(r"[a-z0-9_-]{1,50}", slug, re.ASCII) for slug in slugs)


def test_an_owner_has_a_name_in_sentry_or_there_is_none() -> None:
    people = {"dba": Person(sentry="#database"), "ada": Person(sentry="ada@example.org"), "bob": Person()}
    assert sentry_actor(["dba", "dba"], people) == "team:database"
    assert sentry_actor(["ada"], people) == "user:ada@example.org"
    assert [sentry_actor(names, people) for names in (["dba", "ada"], ["bob"], [""], [])] == [""] * 4


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("schedule: 5 30 * * *", "this is no schedule of cron"),
        ("schedule: daily", "this is no schedule of cron"),
        ("schedule: 30 5 * * *, grace: 90 s", "whole minutes"),
        ("schedule: 30 5 * * *, longest: 60 d", "whole minutes"),
        ("schedule: 30 5 * * *, timezone: Vienna", "Vienna"),
        ("grace: 1 h", "schedule"),
        ("schedule: 30 5 * * *, margin: 1 h", "margin"),
    ],
)
def test_a_typo_is_said_with_file_and_line(tmp_path: Path, written: str, words: str) -> None:
    section = f"sentry:\n  variable: LAB_SENTRY\n  check_ins: {{{written}}}\n"
    with pytest.raises(InventoryError, match=r"a\.yml:8") as refused:
        load_inventory(tmp_path / "a.yml", INVENTORY + section)
    assert words in str(refused.value)


def test_a_check_in_is_an_item_of_its_own_type() -> None:
    header, kind, payload, _ = envelope_of({"check_in_id": "0" * 32}, "check_in").split(b"\n")
    assert (json.loads(header), json.loads(kind)["type"]) == ({}, "check_in")
    assert json.loads(kind)["length"] == len(payload)
