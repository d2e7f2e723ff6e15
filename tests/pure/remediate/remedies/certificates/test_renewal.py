"""Remedies for certificates: what is planned for which finding, what is left to a person, and what the scripts do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.cron.own_crontab import Crontab
from fleetkeeper.readers.nginx import Nginx
from fleetkeeper.topics.certificates.facts import Facts, Lineage, Reloading
from fleetkeeper.topics.certificates.rules import renewal
from fleetkeeper.topics.containers.facts import Mount
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.script_files import load_script
from remediate.plan import ForAPerson, Plan
from remediate.remedies import REMEDIES
from remediate.remedies.certificates.certbot import HOOK
from remediate.steps import EditCrontab, Run, RunInContainer, dump, load
from tests.example_fleets.certificates import (
    CONTAINER,
    FACTS,
    GOOD,
    ID,
    INSIDE,
    LINEAGE,
    LIVE,
    MIDDLE,
    NAME,
    RENEWAL,
    SERVED,
    Wish,
    certificate_fleet,
    make_certificate,
    on_disk,
    verdict_of,
)

OLD = make_certificate(Wish(days=(-85, 5)), MIDDLE)
GONE = make_certificate(Wish(days=(-91, -1)), MIDDLE)
RENEWED = make_certificate(Wish(days=(-1, 89)), MIDDLE)
ACME = ", acme: {agree_tos: true, email: ops@example.org, webroot: /var/www/le}"


def with_served(leaf: object, inside: object = INSIDE) -> Facts:
    return replace(FACTS, served=(replace(SERVED, chain=(leaf.pem, MIDDLE.pem)),), inside=(inside,))  # type: ignore[attr-defined]


def answer_to(rule: str, fleet: Fleet) -> Plan | ForAPerson:
    """The remedy's answer to the first finding of a rule."""
    finding = verdict_of(rule, fleet).findings[0]
    return REMEDIES[f"certificates.{rule}"](finding, fleet)


def make_plan(rule: str, fleet: Fleet) -> Plan:
    match = answer_to(rule, fleet)
    assert isinstance(match, Plan), match
    return match


def person(rule: str, fleet: Fleet) -> ForAPerson:
    match = answer_to(rule, fleet)
    assert isinstance(match, ForAPerson), match
    return match


@pytest.mark.parametrize(
    ("rule", "leaf"), [("are_far_from_expiry", OLD), ("are_valid", GONE), ("are_far_from_expiry", GONE)]
)
def test_what_ends_or_has_ended_is_renewed_once_then_tested_reloaded_and_compared(rule: str, leaf: object) -> None:
    made = make_plan(rule, certificate_fleet(with_served(leaf, on_disk(leaf))))  # type: ignore[arg-type]
    certbot, test, reload, compare = made.steps
    assert isinstance(certbot, RunInContainer)
    assert certbot.words[4:] == (
        "/usr/bin/certbot", "renew", "--cert-name", NAME, "--no-random-sleep-on-renew", "--non-interactive",
    )  # fmt: skip
    assert "--force-renewal" not in str(made)
    assert [step.changes for step in made.steps] == [True, False, True, False]
    assert isinstance(test, RunInContainer)
    assert isinstance(reload, RunInContainer)
    assert (test.words[2], reload.words[2]) == (
        load_script("remediate/remedies/certificates/scripts/test_nginx.sh"),
        load_script("remediate/remedies/certificates/scripts/reload_nginx.sh"),
    )
    assert isinstance(compare, Run)
    assert compare.words[4:] == (ID, "127.0.0.1:443", "443", f"{LIVE}/fullchain.pem", "-servername", NAME)
    assert made.disturbs == ("reload",)


def test_no_step_ever_restarts_a_container_or_service() -> None:
    for rule, facts in (
        ("are_far_from_expiry", with_served(OLD, on_disk(OLD))),
        ("are_served_as_on_disk", with_served(OLD)),
    ):
        text = str([step.show() for step in make_plan(rule, certificate_fleet(facts)).steps])
        assert "restart" not in text
        assert "service update" not in text


def test_case_51_what_is_renewed_on_disk_is_only_reloaded() -> None:
    stale = with_served(OLD, on_disk(RENEWED))
    for rule in ("are_served_as_on_disk", "are_far_from_expiry"):
        made = make_plan(rule, certificate_fleet(stale))
        assert len(made.steps) == 3
        assert "certbot" not in str([step.show() for step in made.steps])


def test_a_file_on_disk_that_is_worse_than_what_is_served_is_not_loaded() -> None:
    assert "no better" in person("are_served_as_on_disk", certificate_fleet(with_served(RENEWED, on_disk(GONE)))).why


@pytest.mark.parametrize("rule", ["are_far_from_expiry", "are_valid"])
def test_case_54_a_broken_configuration_is_never_reloaded(rule: str) -> None:
    broken = replace(on_disk(GONE), nginx=Nginx(broken='unknown directive "sevrer"'))
    refused = person(rule, certificate_fleet(with_served(GONE, broken)))
    assert 'unknown directive "sevrer"' in refused.why
    assert "do not restart" in refused.what_to_do


def test_before_anything_is_done_the_port_must_still_serve_what_was_seen() -> None:
    made = make_plan("are_far_from_expiry", certificate_fleet(with_served(OLD, on_disk(OLD))))
    assert made.requires[0].because == "port 443 serves the certificate that was seen"
    assert len(made.requires[0].answer or "") == 64


def test_case_56_before_anything_is_done_no_other_certbot_may_run() -> None:
    made = make_plan("are_far_from_expiry", certificate_fleet(with_served(OLD, on_disk(OLD))))
    assert made.requires[-1].because == "no other certbot is running in rodan_nginx"


def test_without_certbot_or_with_a_copy_in_use_nothing_is_renewed() -> None:
    assert (
        "no certbot"
        in person("are_far_from_expiry", certificate_fleet(with_served(OLD, replace(on_disk(OLD), certbot="")))).why
    )
    elsewhere = on_disk(OLD)
    site = replace(elsewhere.nginx.sites[0], certificates=("/etc/nginx/copy.pem",))  # type: ignore[union-attr]
    copy = replace(elsewhere, nginx=Nginx((site,)), files=(replace(elsewhere.files[0], path="/etc/nginx/copy.pem"),))
    assert "does not renew" in person("are_far_from_expiry", certificate_fleet(with_served(OLD, copy))).why


def test_two_containers_on_one_node_are_for_a_person() -> None:
    fleet = certificate_fleet(with_served(OLD, on_disk(OLD)))
    fact = fleet.facts["web", "containers"]
    twice = replace(fact, containers=(CONTAINER, replace(CONTAINER, id="77" * 32)))  # type: ignore[call-arg]
    finding = verdict_of("are_far_from_expiry", fleet).findings[0]
    answer = REMEDIES["certificates.are_far_from_expiry"](
        finding, replace(fleet, facts={**fleet.facts, ("web", "containers"): twice})
    )
    assert isinstance(answer, ForAPerson)
    assert "2 containers" in answer.why


# what a renewal needs


def test_nothing_scheduled_is_installed_through_the_crontab_step() -> None:
    made = make_plan("will_renew", certificate_fleet(replace(FACTS, renewals=())))
    [step] = made.steps
    assert isinstance(step, EditCrontab)
    assert (step.node, step.user, step.block, step.expect) == ("web", "root", "certificates.will_renew", "ab" * 32)
    [line] = step.lines or ()
    assert line.split(" set ")[0].split()[1:] == ["4,16", "*", "*", "*"]
    assert "label=com.docker.swarm.service.name=rodan_nginx" in line
    assert "--deploy-hook 'nginx -s reload'" in line


def test_the_installed_entry_is_what_the_rule_looks_for() -> None:
    """The line is read by the reader of crontabs, and resolves to the container."""
    from fleetkeeper.topics.certificates import renewal_schedule
    from tests.pure.topics.certificates.test_observation import crontab_with, printed_schedules

    [step] = make_plan("will_renew", certificate_fleet(replace(FACTS, renewals=()))).steps
    [line] = step.lines  # type: ignore[union-attr]
    node = renewal_schedule.NodeSurroundings([CONTAINER])
    [match] = renewal_schedule.renewals_on_node(printed_schedules(crontab_with(line)), node)
    assert (match.containers, match.reloading.here, match.faults, match.unclear) == ((ID,), True, (), "")
    fleet = certificate_fleet(replace(FACTS, renewals=(match,)))
    assert verdict_of("will_renew", fleet).findings == ()


def test_case_22_a_crontab_that_was_not_read_or_is_broken_is_never_written() -> None:
    unread = replace(FACTS, renewals=(), crontab=Unobservable("permission denied"))
    with pytest.raises(Unobservable):
        answer_to("will_renew", certificate_fleet(unread))
    broken = replace(FACTS, renewals=(), crontab=Crontab("root", "ab" * 32, trouble="line 3"))
    assert "line 3" in person("will_renew", certificate_fleet(broken)).why
    ordinary = replace(FACTS, renewals=(), crontab=Crontab("ops", "ab" * 32))
    assert "as root" in person("will_renew", certificate_fleet(ordinary)).why


def test_a_line_between_our_marks_that_is_somebody_s_own_is_never_taken_out() -> None:
    [step] = make_plan("will_renew", certificate_fleet(replace(FACTS, renewals=()))).steps
    [line] = step.lines  # type: ignore[union-attr]
    for block, ours in (((line,), True), ((line, "0 3 * * * /root/pay-the-bills"), False), ((f"{line}; x",), False)):
        changed = certificate_fleet(replace(FACTS, renewals=(), crontab=Crontab("root", "ab" * 32, block=block)))
        assert isinstance(answer_to("will_renew", changed), Plan) is ours


def test_a_missing_reload_becomes_a_hook_of_certbot_that_can_be_undone() -> None:
    made = make_plan(
        "will_renew", certificate_fleet(replace(FACTS, renewals=(replace(RENEWAL, reloading=Reloading()),)))
    )
    [step] = made.steps
    assert isinstance(step, RunInContainer)
    assert (step.words[2], step.undo) == (
        load_script("remediate/remedies/certificates/scripts/write_hook.sh"),
        ("rm", "-f", HOOK),
    )


def test_a_name_that_certbot_does_not_know_is_got_with_what_the_inventory_says() -> None:
    unknown = replace(FACTS, inside=(replace(INSIDE, lineages=()),))
    assert "acme" in person("will_renew", certificate_fleet(unknown)).what_to_do
    [step] = make_plan("will_renew", certificate_fleet(unknown, policy=ACME)).steps
    line = " ".join(step.words[4:])  # type: ignore[union-attr]
    assert line.startswith(
        f"/usr/bin/certbot certonly --non-interactive --cert-name {NAME} --domain {NAME} --webroot -w"
    )
    assert "--agree-tos --email ops@example.org" in line


def test_a_lost_account_is_replaced_only_where_the_inventory_allows_it() -> None:
    lost = replace(on_disk(OLD), lineages=(replace(LINEAGE, account_found=False, chain=(OLD.pem, MIDDLE.pem)),))
    assert "does not allow" in person("will_renew", certificate_fleet(with_served(OLD, lost))).why
    made = make_plan("will_renew", certificate_fleet(with_served(OLD, lost), policy=ACME))
    assert made.steps[0].words[2] == load_script("remediate/remedies/certificates/scripts/register_account.sh")  # type: ignore[union-attr]
    both = make_plan("are_far_from_expiry", certificate_fleet(with_served(OLD, lost), policy=ACME))
    assert [step.words[2] for step in both.steps[:2]] == [
        load_script("remediate/remedies/certificates/scripts/register_account.sh"),
        load_script("remediate/remedies/certificates/scripts/run_certbot.sh"),
    ]  # type: ignore[union-attr]


def test_case_58_and_77_letsencrypt_outside_a_volume_is_for_a_person_who_copies_it_out_first() -> None:
    bare = replace(CONTAINER, mounts=(Mount("tmpfs", "", "/tmp"),))
    what_to_do = person("will_renew", certificate_fleet(FACTS, bare)).what_to_do
    assert what_to_do.index("docker cp") < what_to_do.index("volumes:") < what_to_do.index("deploy")


@pytest.mark.parametrize(
    "want", [renewal.WANT_CONFIGURATION, "challenges are served over http", "something that nobody foresaw"]
)
def test_everything_else_that_a_renewal_lacks_is_for_a_person(want: str) -> None:
    fleet = certificate_fleet(replace(FACTS, renewals=()))
    match = replace(verdict_of("will_renew", fleet).findings[0], want=want)
    assert isinstance(REMEDIES["certificates.will_renew"](match, fleet), ForAPerson)


def test_every_step_can_be_kept_in_the_journal() -> None:
    for rule, facts in (("are_valid", with_served(GONE, on_disk(GONE))), ("will_renew", replace(FACTS, renewals=()))):
        for step in make_plan(rule, certificate_fleet(facts)).steps:
            assert load(dump(step)) == step


def test_a_lineage_without_configuration_is_not_renewed() -> None:
    bare = replace(on_disk(OLD), lineages=(Lineage(NAME, configured=False, chain=GOOD),))
    assert isinstance(answer_to("are_far_from_expiry", certificate_fleet(with_served(OLD, bare))), ForAPerson)
