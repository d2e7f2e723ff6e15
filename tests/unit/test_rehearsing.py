"""Rehearsing a renewal: which certificates, what certbot is asked, and when it counts as possible."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.errors import UsageError
from fleet.topics.certificates.views import views
from remediate.apply import End, Ended
from remediate.exits import Exit
from remediate.planning import Planned
from remediate.rehearsing import RULE, chosen, dry_run, only, told
from remediate.steps import RunInContainer
from tests.certificates import FACTS, INSIDE, NAME, RULES, SUBJECT, fleet, inventory


def planned() -> Planned:
    world = fleet()
    [view] = views(world, world.inventory.certificates[0])
    return Planned(1, RULES[RULE.partition(".")[2]], SUBJECT, (), dry_run(view))


def test_certbot_is_asked_to_keep_nothing() -> None:
    [step] = planned().plan.steps
    assert isinstance(step, RunInContainer)
    assert step.words[4:9] == ("/usr/bin/certbot", "renew", "--dry-run", "--cert-name", NAME)
    assert planned().plan.disturbs == ("restart",)


def test_all_certificates_are_meant_when_none_is_named_and_an_unknown_one_is_refused() -> None:
    assert [one.name for one in chosen(inventory(), ())] == [NAME]
    with pytest.raises(UsageError) as wrong:
        chosen(inventory(), ("rodan.example.org",))
    assert NAME in wrong.value.hint


@pytest.mark.parametrize("inside", [replace(INSIDE, certbot=""), replace(INSIDE, lineages=())])
def test_what_certbot_does_not_keep_cannot_be_rehearsed(inside: object) -> None:
    world = fleet(replace(FACTS, inside=(inside,)))
    [certificate] = world.inventory.certificates
    with pytest.raises(LookupError, match="certbot keeps no certificate"):
        list(only(views(world, certificate), certificate))


def test_a_service_that_runs_nowhere_cannot_be_rehearsed() -> None:
    world = fleet(FACTS, None)
    [certificate] = world.inventory.certificates
    with pytest.raises(LookupError, match="no container of nginx runs"):
        list(only(views(world, certificate), certificate))


def test_the_answer_names_the_reason_in_one_line() -> None:
    failed = Ended(planned(), End.FAILED, "exit 1: certbot: Some challenges have failed.\x1b[31m")
    assert told(failed, Exit.REMEDY_FAILED).text.startswith(
        f"{NAME} on web: certbot could not renew it: exit 1: certbot:"
    )
    assert "\x1b" not in told(failed, Exit.REMEDY_FAILED).text
    assert told(Ended(planned(), End.FIXED), Exit.NOTHING_LEFT).text == f"{NAME} on web: certbot could renew it now"
    assert "not known" in told(Ended(planned(), End.FIXED), Exit.NOT_ALL_SEEN).text
