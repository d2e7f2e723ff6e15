"""Rehearsing a renewal: which certificates, what certbot is asked, and when it counts as possible."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from fleetkeeper.errors import UsageError
from fleetkeeper.exit_codes import Exit
from fleetkeeper.judging.rule import Subject
from fleetkeeper.topics.certificates.policy import Policy
from fleetkeeper.topics.certificates.served_certificate import views_of
from remediate.proposal import PlannedChange
from remediate.rehearse import RULE, Rehearsal, certbot_views, chosen_certificates, dry_run, rehearse_renewals
from remediate.render.console import Screen
from remediate.steps import RunInContainer
from tests.example_fleets.certificates import FACTS, INSIDE, NAME, RULES, SUBJECT, certificate_fleet, make_inventory
from tests.pure.topics.test_nodes import GOOD


def plan_for() -> PlannedChange:
    fleet = certificate_fleet()
    [view] = views_of(fleet, fleet.inventory.section(Policy).certificates[0])
    return PlannedChange(1, RULES[RULE.partition(".")[2]], SUBJECT, (), dry_run(view))


def test_certbot_is_asked_to_keep_nothing() -> None:
    [step] = plan_for().plan.steps
    assert isinstance(step, RunInContainer)
    assert step.words[4:9] == ("/usr/bin/certbot", "renew", "--dry-run", "--cert-name", NAME)
    assert plan_for().plan.disturbs == ("restart",)


def test_all_certificates_are_meant_when_none_is_named_and_an_unknown_one_is_refused() -> None:
    assert [chosen_certificate.name for chosen_certificate in chosen_certificates(make_inventory(), ())] == [NAME]
    with pytest.raises(UsageError) as wrong:
        chosen_certificates(make_inventory(), ("rodan.example.org",))
    assert NAME in wrong.value.hint


def test_a_certificate_that_is_named_twice_is_meant_once_and_an_empty_name_is_shown() -> None:
    assert [chosen_certificate.name for chosen_certificate in chosen_certificates(make_inventory(), (NAME, NAME))] == [
        NAME
    ]
    with pytest.raises(UsageError, match='no certificate ""'):
        chosen_certificates(make_inventory(), ("",))


def test_without_a_terminal_and_without_yes_nothing_is_looked_at() -> None:
    """Case 10, for the rehearsal: pytest's own standard input is no terminal."""
    with pytest.raises(UsageError, match="no terminal"):
        rehearse_renewals((), "no-such-inventory", None, yes=False)
    with pytest.raises(UsageError, match="--yes needs --hosts"):
        rehearse_renewals((), None, None, yes=True)


def test_nobody_is_asked_to_rehearse_where_root_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = certificate_fleet()
    nodes = {(name, "nodes"): replace(GOOD, root_uid=1000) for name in fleet.inventory.nodes}
    session = SimpleNamespace(look=lambda topics: replace(fleet, facts={**fleet.facts, **nodes}))
    lines: list[str] = []
    screen = Screen()
    screen.error = lambda text, hint="": lines.append(f"{text}; {hint}")  # type: ignore[method-assign]
    monkeypatch.setattr("click.confirm", lambda *words, **more: pytest.fail("nobody may be asked"))
    rehearsal = Rehearsal(fleet.inventory, session, screen, None)  # type: ignore[arg-type]
    assert rehearsal.run(fleet.inventory.section(Policy).certificates, yes=False) is Exit.NOT_ALL_SEEN
    [line] = lines
    assert "not tried: " in line
    assert "it takes root there" in line
    assert "set `sudo: true` for the node" in line


def test_two_names_of_one_certificate_are_rehearsed_together() -> None:
    text: list[str] = []
    screen = Screen()
    screen.say = text.append  # type: ignore[method-assign]
    rehearsal = Rehearsal(make_inventory(), None, screen, None)  # type: ignore[arg-type]
    plans = [plan_for()]
    rehearsal.add(plans, Subject("certificate", "www.example.org"), plans[0].plan)
    assert len(plans) == 1
    assert text == [f"www.example.org: rehearsed with {NAME}, in the same certificate"]


@pytest.mark.parametrize("inside", [replace(INSIDE, certbot=""), replace(INSIDE, lineages=())])
def test_what_certbot_does_not_keep_cannot_be_rehearsed(inside: object) -> None:
    fleet = certificate_fleet(replace(FACTS, inside=(inside,)))
    [certificate] = fleet.inventory.section(Policy).certificates
    with pytest.raises(LookupError, match="certbot keeps no certificate"):
        list(certbot_views(views_of(fleet, certificate), certificate))


def test_a_service_that_runs_nowhere_cannot_be_rehearsed() -> None:
    fleet = certificate_fleet(FACTS, None)
    [certificate] = fleet.inventory.section(Policy).certificates
    with pytest.raises(LookupError, match="no container of nginx runs"):
        list(certbot_views(views_of(fleet, certificate), certificate))
