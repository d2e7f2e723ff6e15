"""Rules about certificates: a good fleet holds, each broken thing is one finding, the unseen is unknown."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.judging.verdicts import Outcome
from fleetkeeper.looking import recording
from fleetkeeper.readers.nginx import Nginx, Site
from fleetkeeper.readers.pki import chain_problems
from fleetkeeper.topics.certificates.facts import (
    CertificateFile,
    ContainerFiles,
    Facts,
    Key,
    Lineage,
    Reloading,
    Renewal,
)
from fleetkeeper.topics.containers.facts import Container, Mount, Process
from fleetkeeper.topics.registry import TOPICS, observers_in
from fleetkeeper.transport.commands import Unobservable
from tests.example_fleets import certificates as made
from tests.example_fleets.certificates import (
    CONTAINER,
    DAY,
    FACTS,
    GOOD,
    INSIDE,
    LEAF,
    LINEAGE,
    LIVE,
    MIDDLE,
    NAME,
    NOW,
    RENEWAL,
    RULES,
    SERVED,
    SITE,
    VOLUME,
    Wish,
    certificate_fleet,
    make_certificate,
    on_disk,
    verdict_of,
)

GONE = Unobservable("connection lost", node="web")


def serve_files(*leafs: made.Made, **changes: object) -> Facts:
    """The good facts with other certificates served, each on a port of its own from 443 on."""
    served = [replace(SERVED, port=443 + n, chain=(leaf.pem, MIDDLE.pem)) for n, leaf in enumerate(leafs)]
    return replace(FACTS, served=tuple(served), **changes)


def run_inside(**changes: object) -> Facts:
    return replace(FACTS, inside=(replace(INSIDE, **changes),))


def saw_in(rule: str, facts: Facts, container: Container | None = CONTAINER, policy: str = "") -> list[str]:
    return [finding.saw for finding in verdict_of(rule, certificate_fleet(facts, container, policy=policy)).findings]


@pytest.mark.parametrize("rule", RULES)
def test_a_good_world_holds(rule: str) -> None:
    assert verdict_of(rule, certificate_fleet(policy=", hsts: false")).outcome is Outcome.HOLDS


@pytest.mark.parametrize("rule", RULES)
def test_case_83_what_could_not_be_seen_is_unknown(rule: str) -> None:
    assert verdict_of(rule, certificate_fleet(GONE)).outcome is Outcome.UNKNOWN
    fleet = certificate_fleet()
    blind = replace(fleet, facts={**fleet.facts, ("web", "containers"): GONE})
    assert verdict_of(rule, blind).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("rule", ["are_valid", "are_far_from_expiry", "are_served_as_on_disk", "use_sound_tls"])
def test_case_83_a_handshake_that_could_not_be_told_is_unknown(rule: str) -> None:
    unseen = replace(FACTS, served=(replace(SERVED, chain=GONE, old=GONE),))
    assert verdict_of(rule, certificate_fleet(unseen)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("rule", ["are_valid", "are_served_as_on_disk", "will_renew", "are_in_the_inventory"])
def test_case_83_a_container_that_could_not_be_looked_into_is_unknown(rule: str) -> None:
    assert verdict_of(rule, certificate_fleet(replace(FACTS, inside=(GONE,)))).outcome is Outcome.UNKNOWN


def test_a_port_that_could_not_be_told_hides_no_finding_about_another() -> None:
    facts = serve_files(make_certificate(Wish(days=(-90, -1)), MIDDLE))
    both = replace(facts, served=(replace(SERVED, port=8443, chain=GONE), *facts.served))
    verdict = verdict_of("are_valid", certificate_fleet(both))
    assert verdict.outcome is Outcome.FINDING
    assert verdict.unknown


def test_an_inventory_without_certificates_says_why() -> None:
    text = made.TEXT.replace(
        "  - {name: rodan2.example.org, service: nginx, ca: CA%s}", "  none: TLS ends at the proxy"
    )
    fleet = replace(certificate_fleet(), inventory=made.load_inventory(made.Path("world.yml"), text))
    verdict = verdict_of("are_valid", fleet)
    assert (verdict.outcome, verdict.not_applicable) == (Outcome.NOT_APPLICABLE, "TLS ends at the proxy")


def test_facts_survive_being_recorded() -> None:
    fleet = certificate_fleet(replace(FACTS, served=(SERVED, replace(SERVED, port=5671, chain=GONE))))
    observers = observers_in(TOPICS)
    assert recording.load_recording(recording.dump_recording(fleet), fleet.inventory, observers).facts == fleet.facts


# are_valid


def test_case_52_an_expired_certificate_is_a_finding_that_names_port_and_day() -> None:
    [match] = verdict_of(
        "are_valid", certificate_fleet(serve_files(make_certificate(Wish(days=(-90, -1)), MIDDLE)))
    ).findings
    assert match.saw == "on port 443: it expired 1 d ago, on 2026-06-14 12:00 UTC"
    assert (match.node, match.about) == ("web", f"{NAME}:443")


def test_a_node_whose_clock_is_off_is_named_beside_a_date() -> None:
    expired = serve_files(make_certificate(Wish(days=(-90, -1)), MIDDLE))
    [match] = verdict_of("are_valid", certificate_fleet(expired, ahead=-7200)).findings
    assert "that of web is 2 h behind" in match.hint
    [match] = verdict_of("are_valid", certificate_fleet(expired)).findings
    assert "behind" not in match.hint


def test_each_port_is_judged_for_itself() -> None:
    findings = verdict_of(
        "are_valid", certificate_fleet(serve_files(LEAF, make_certificate(Wish(names=["a.org"]), MIDDLE)))
    ).findings
    assert [finding.about for finding in findings] == [f"{NAME}:444"]


def test_case_59_a_name_that_is_served_on_no_port_is_a_finding() -> None:
    silent = replace(SERVED, chain=(), refused="closed")
    [match] = saw_in("are_valid", replace(FACTS, served=(silent, replace(silent, port=5671, refused="not TLS"))))
    assert match == "served on no port: asked 443 (nothing listens there), 5671 (it does not speak TLS)"


def test_a_guessed_port_without_tls_is_no_finding_while_another_serves_the_name() -> None:
    plain = replace(SERVED, port=9002, chain=(), refused="not TLS")
    assert saw_in("are_valid", replace(FACTS, served=(SERVED, plain))) == []


def test_a_port_that_the_policy_names_must_speak_tls() -> None:
    plain = replace(SERVED, port=9002, chain=(), refused="alert", said="unrecognized name")
    [match] = saw_in("are_valid", replace(FACTS, served=(SERVED, plain)), policy=", ports: [443, 9002]")
    assert match == "port 9002 gives no certificate: it refused the handshake: unrecognized name"


def test_a_service_that_runs_nowhere_serves_nothing() -> None:
    [match] = saw_in("are_valid", FACTS, container=None)
    assert "served nowhere" in match


def test_case_52_a_private_key_of_another_certificate_is_a_finding() -> None:
    wrong = run_inside(keys=(Key(f"{LIVE}/privkey.pem", "00" * 32),))
    [match] = saw_in("are_valid", wrong)
    assert match == (
        f"the private key in {LIVE}/privkey.pem does not belong to the certificate in {LIVE}/fullchain.pem"
    )


def test_case_52_a_private_key_that_is_gone_is_a_finding() -> None:
    [match] = saw_in("are_valid", run_inside(keys=(Key(f"{LIVE}/privkey.pem", trouble="is not there"),)))
    assert match == f"the private key {LIVE}/privkey.pem of {LIVE}/fullchain.pem is not there"


def test_a_key_that_only_nginx_can_read_is_proven_by_nginx_and_unknown_without_it() -> None:
    """It loads both when it tests its configuration, and refuses a pair that does not belong together."""
    unread = (Key(f"{LIVE}/privkey.pem", trouble="no openssl"),)
    assert verdict_of("are_valid", certificate_fleet(run_inside(keys=unread))).outcome is Outcome.HOLDS
    for nginx in (None, Nginx(broken="unknown directive")):
        [why] = verdict_of("are_valid", certificate_fleet(run_inside(keys=unread, nginx=nginx))).unknown
        assert why.why == f"whether {LIVE}/privkey.pem belongs to {LIVE}/fullchain.pem: no openssl"


def test_case_52_a_mismatch_is_found_when_nginx_already_refuses_the_pair() -> None:
    broken = run_inside(nginx=Nginx(broken="key values mismatch"), keys=(Key(f"{LIVE}/privkey.pem", "00" * 32),))
    assert len(saw_in("are_valid", broken)) == 1


def test_an_issuer_that_the_policy_allows_is_taken() -> None:
    pebble = made.make_authority("Pebble Intermediate CA 1", made.ROOT)
    facts = replace(FACTS, served=(replace(SERVED, chain=(make_certificate(Wish(), pebble).pem, pebble.pem)),))
    assert len(saw_in("are_valid", facts)) == 1
    assert saw_in("are_valid", facts, policy=", allow_issuer: [Pebble *]") == []


# are_far_from_expiry


@pytest.mark.parametrize(("left", "found"), [(22, 1), (23, 0), (31, 0)])
def test_a_quarter_of_ninety_days_must_be_left(left: int, found: int) -> None:
    assert (
        len(saw_in("are_far_from_expiry", serve_files(make_certificate(Wish(days=(left - 90, left)), MIDDLE)))) == found
    )


@given(hours=st.integers(1, 24 * 800))
def test_case_57_no_alarm_before_certbot_s_own_due_point(hours: int) -> None:
    """Certbot renews with a third left, and with a half for lifetimes below ten days."""
    lifetime = timedelta(hours=hours)
    leaf = make_certificate(Wish(days=(0, lifetime / DAY)), MIDDLE).certificate
    due = lifetime / (3 if lifetime >= timedelta(days=10) else 2)
    assert chain_problems.least_time_left(leaf, None) < due
    assert chain_problems.least_time_left(leaf, timedelta(days=90)) <= due


@pytest.mark.parametrize(("left", "found"), [(1.4, 1), (1.6, 0)])
def test_case_57_six_days_are_judged_by_their_own_lifetime(left: float, found: int) -> None:
    assert (
        len(saw_in("are_far_from_expiry", serve_files(make_certificate(Wish(days=(left - 6, left)), MIDDLE)))) == found
    )


def test_the_policy_may_ask_for_more_or_less_than_a_quarter() -> None:
    leaf = serve_files(make_certificate(Wish(days=(-65, 25)), MIDDLE))
    assert saw_in("are_far_from_expiry", leaf) == []
    assert len(saw_in("are_far_from_expiry", leaf, policy=", min_left: 26 d")) == 1
    soon = serve_files(make_certificate(Wish(days=(-85, 5)), MIDDLE))
    assert saw_in("are_far_from_expiry", soon, policy=", min_left: 3 d") == []


# are_served_as_on_disk

RENEWED = make_certificate(Wish(days=(-1, 89)), MIDDLE)


def test_case_51_renewed_on_disk_and_the_old_one_served_is_a_finding() -> None:
    [match] = saw_in("are_served_as_on_disk", replace(FACTS, inside=(on_disk(RENEWED),)))
    assert match == (
        "port 443 serves the certificate that ends 2026-08-24 12:00; "
        f"{LIVE}/fullchain.pem holds one that ends 2026-09-12 12:00 (UTC)"
    )


def test_without_nginx_what_is_served_is_held_against_certbot_s_lineage() -> None:
    assert saw_in("are_served_as_on_disk", run_inside(nginx=None)) == []
    assert len(saw_in("are_served_as_on_disk", replace(FACTS, inside=(replace(on_disk(RENEWED), nginx=None),)))) == 1


def test_a_file_that_the_inventory_names_is_held_against_what_is_served() -> None:
    """A broker or a database has no nginx that tells which file it serves."""
    policy = ", file: /etc/rabbitmq/cert.pem, acme: {none: brought by hand}"
    broker = run_inside(nginx=None, lineages=(), files=(CertificateFile("/etc/rabbitmq/cert.pem", GOOD),))
    assert verdict_of("are_served_as_on_disk", certificate_fleet(broker, policy=policy)).outcome is Outcome.HOLDS
    newer = run_inside(
        nginx=None, lineages=(), files=(CertificateFile("/etc/rabbitmq/cert.pem", (RENEWED.pem, MIDDLE.pem)),)
    )
    [match] = saw_in("are_served_as_on_disk", newer, policy=policy)
    assert "/etc/rabbitmq/cert.pem holds one that ends" in match
    gone = run_inside(
        nginx=None, lineages=(), files=(CertificateFile("/etc/rabbitmq/cert.pem", trouble="is not there"),)
    )
    assert verdict_of("are_served_as_on_disk", certificate_fleet(gone, policy=policy)).outcome is Outcome.UNKNOWN


def test_without_nginx_and_certbot_it_cannot_be_told() -> None:
    alone = run_inside(nginx=None, lineages=())
    assert verdict_of("are_served_as_on_disk", certificate_fleet(alone)).outcome is Outcome.UNKNOWN


def test_a_copy_of_certbot_s_file_that_nobody_refreshes_is_a_finding() -> None:
    copy = replace(SITE, certificates=("/etc/nginx/ssl/site.pem",))
    facts = run_inside(
        nginx=Nginx((copy,)),
        files=(CertificateFile("/etc/nginx/ssl/site.pem", GOOD),),
        lineages=(replace(LINEAGE, chain=(RENEWED.pem, MIDDLE.pem)),),
    )
    [match] = saw_in("are_served_as_on_disk", facts)
    assert "/etc/nginx/ssl/site.pem, an older certificate" in match


def test_a_site_with_two_kinds_of_keys_may_serve_either() -> None:
    rsa = make_certificate(Wish(key="rsa2048"), MIDDLE)
    both = replace(SITE, certificates=("/ec.pem", "/rsa.pem"))
    facts = run_inside(
        nginx=Nginx((both,)),
        files=(CertificateFile("/ec.pem", GOOD), CertificateFile("/rsa.pem", (rsa.pem,))),
        lineages=(),
        keys=(),
    )
    assert saw_in("are_served_as_on_disk", facts) == []


def test_a_file_that_could_not_be_read_is_unknown() -> None:
    assert verdict_of("are_served_as_on_disk", certificate_fleet(run_inside(files=()))).outcome is Outcome.UNKNOWN
    unread = run_inside(files=(CertificateFile(f"{LIVE}/fullchain.pem", trouble="cannot be read"),), lineages=())
    assert verdict_of("are_served_as_on_disk", certificate_fleet(unread)).outcome is Outcome.UNKNOWN


# will_renew

LACKING: dict[str, tuple[Facts, str]] = {
    "no certbot": (
        replace(run_inside(certbot="", lineages=(LINEAGE,)), renewals=()),
        "there is no certbot in rodan_nginx, and nothing else that renews there",
    ),
    "no lineage": (run_inside(lineages=()), f"certbot has no certificate for {NAME} (it has: none at all)"),
    "no renewal configuration": (
        run_inside(lineages=(Lineage(NAME, configured=False, chain=GOOD),)),
        f"{LIVE}/fullchain.pem is there, and /etc/letsencrypt/renewal/{NAME}.conf is not",
    ),
    "renewal switched off": (
        run_inside(lineages=(replace(LINEAGE, autorenew=False),)),
        f"renewal of {NAME} is switched off (autorenew = False)",
    ),
    "lost account": (
        run_inside(lineages=(replace(LINEAGE, account_found=False),)),
        f"the ACME account 0f that renews {NAME} is gone from disk",
    ),
    "lost webroot": (
        run_inside(lineages=(replace(LINEAGE, webroots=(("/var/www/x", False),)),)),
        "the webroot /var/www/x is not there",
    ),
    "closed port 80": (
        replace(FACTS, http={NAME: 0}),
        f"port 80 does not answer for {NAME}/.well-known/acme-challenge/",
    ),
    "a proxy that is broken": (
        replace(FACTS, http={NAME: 502}),
        f"port 80 answers 502 for {NAME}/.well-known/acme-challenge/",
    ),
    "nothing scheduled": (replace(FACTS, renewals=()), "nothing runs `certbot renew` for rodan_nginx"),
    "no reload": (
        replace(FACTS, renewals=(replace(RENEWAL, reloading=Reloading()),)),
        "/var/spool/cron/crontabs/root:3 renews, and nothing reloads rodan_nginx afterwards",
    ),
    "cron stopped": (
        replace(FACTS, cron=False),
        "cron does not run on web, and /var/spool/cron/crontabs/root:3 waits for it",
    ),
    "broken configuration": (
        run_inside(nginx=Nginx(broken='unknown directive "sevrer" in /etc/nginx/nginx.conf:3')),
        'nginx refuses its configuration: unknown directive "sevrer" in /etc/nginx/nginx.conf:3',
    ),
}


@pytest.mark.parametrize("what", LACKING)
def test_each_thing_that_a_renewal_lacks_is_one_finding(what: str) -> None:
    facts, expected = LACKING[what]
    match = saw_in("will_renew", facts)
    assert expected in match
    assert len(match) == (2 if what == "no certbot" else 1)


@pytest.mark.parametrize(
    ("roots", "found"),
    [
        (("/var/www/letsencrypt",), 0),
        (("/srv/site", "/var/www/letsencrypt/"), 0),
        (("/var/www/letsencrypt/.well-known/acme-challenge/",), 0),
        (None, 0),
        (("/srv/site", "/var/www"), 1),
        ((), 1),
    ],
)
def test_a_webroot_that_nginx_does_not_serve_is_a_finding(roots: tuple[str, ...] | None, found: int) -> None:
    """Port 80 answers 404 there either way: no challenge is there to be asked for."""
    facts = run_inside(nginx=Nginx((SITE,), roots=roots))
    assert [item[:29] for item in saw_in("will_renew", facts)] == ["nginx serves no files from the"[:29]] * found
    elsewhere = replace(CONTAINER, ports=tuple(port for port in CONTAINER.ports if port.host != 80))
    assert saw_in("will_renew", facts, elsewhere) == []


VAIN = {
    "no cron runs in the container": Renewal(
        "/etc/cron.d/certbot", inside=True, faults=("no cron runs in the container",)
    ),
    "it finds no container": replace(RENEWAL, containers=()),
    "it enters another container": replace(RENEWAL, containers=("77" * 32,)),
    "it finds several containers": replace(RENEWAL, containers=(made.ID, "77" * 32)),
    "it runs on the node": Renewal("certbot.timer", reloading=made.RELOADS),
}


@pytest.mark.parametrize("why", VAIN)
def test_a_schedule_that_does_not_reach_this_certificate_does_not_count(why: str) -> None:
    [match] = saw_in("will_renew", replace(FACTS, renewals=(VAIN[why],)))
    assert f"does not count: {why}" in match


TOGETHER = {
    ("0 3 1 * *", "0 3 15 * *"): True,
    ("0 3 1 */2 *", "0 3 1 2-12/2 *", "0 3 16 * *"): True,
    ("0 3 * * 0", "0 3 1 * *"): True,
    ("0 3 1 * *", "30 4 1 * *"): False,
    ("0 3 1 1 *", "0 3 1 3 *"): False,
    ("never", "0 3 1 * *"): False,
}


@pytest.mark.parametrize("entries", TOGETHER, ids=" + ".join)
def test_entries_that_each_come_too_rarely_count_where_they_are_often_enough_together(entries: tuple[str, ...]) -> None:
    """In a crontab, a timer, and in the container: whatever renews the same certificate."""
    places = ("/etc/cron.d/le:1", "le.timer", "/var/spool/cron/crontabs/root:2")
    renewals = tuple(replace(RENEWAL, where=where).due_at(times) for where, times in zip(places, entries, strict=False))
    saw = saw_in("will_renew", replace(FACTS, renewals=renewals))
    assert saw == [] if TOGETHER[entries] else "is due too rarely" in saw[0]
    other = tuple(replace(renewal, lineage="another") for renewal in renewals[1:])
    alone = [times for times in entries[:1] if times.endswith("* * 0")]
    assert bool(saw_in("will_renew", replace(FACTS, renewals=(*renewals[:1], *other)))) is not bool(alone)


def test_certbot_on_the_node_counts_where_the_container_has_the_node_s_directory() -> None:
    bound = replace(CONTAINER, mounts=(Mount("bind", "/etc/letsencrypt", "/etc/letsencrypt"),))
    by_docker = Reloading(containers=(CONTAINER.id,))
    facts = replace(run_inside(certbot=""), renewals=(Renewal("certbot.timer", reloading=by_docker),))
    assert saw_in("will_renew", facts, bound) == []
    own = replace(facts, renewals=(Renewal("certbot.timer", reloading=made.RELOADS),))
    [match] = saw_in("will_renew", own, bound)
    assert "nothing reloads rodan_nginx" in match, "the server of the node is another one"


def test_certbot_in_a_container_beside_it_with_the_same_volume_counts() -> None:
    beside = Container("77" * 32, "certbot", mounts=(VOLUME,))

    def judged(reloading: Reloading) -> tuple[str, ...]:
        renewal = replace(RENEWAL, containers=(beside.id,), reloading=reloading)
        fleet = certificate_fleet(replace(run_inside(certbot=""), renewals=(renewal,)))
        both = replace(fleet.facts["web", "containers"], containers=(CONTAINER, beside))
        seen = replace(fleet, facts={**fleet.facts, ("web", "containers"): both})
        return tuple(finding.saw for finding in verdict_of("will_renew", seen).findings)

    assert judged(Reloading(containers=(CONTAINER.id,))) == ()
    assert "nothing reloads rodan_nginx" in judged(made.RELOADS)[0], "it reloads the server beside certbot"


def test_a_hook_of_certbot_s_own_is_a_reload_too() -> None:
    facts = replace(
        run_inside(lineages=(replace(LINEAGE, reloading=made.RELOADS),)),
        renewals=(replace(RENEWAL, reloading=Reloading()),),
    )
    assert saw_in("will_renew", facts) == []


def test_a_schedule_that_cannot_be_read_is_unknown_while_no_other_works() -> None:
    unusual = Renewal("/etc/cron.d/x:1", unclear="cannot tell in which container it runs certbot")
    assert verdict_of("will_renew", certificate_fleet(replace(FACTS, renewals=(unusual,)))).outcome is Outcome.UNKNOWN
    assert (
        verdict_of("will_renew", certificate_fleet(replace(FACTS, renewals=(unusual, RENEWAL)))).outcome
        is Outcome.HOLDS
    )


def test_crontabs_that_could_not_be_read_are_unknown_while_nothing_else_renews() -> None:
    unread = replace(FACTS, renewals=(), unseen=("/var/spool/cron/crontabs",))
    assert verdict_of("will_renew", certificate_fleet(unread)).outcome is Outcome.UNKNOWN


TRAEFIK = ContainerFiles(made.ID, "nginx")
BARE = replace(CONTAINER, mounts=(), processes=(Process(7, 0, 0, "traefik"),))


@pytest.mark.parametrize("processes", [BARE.processes, (Process(7, 0, 0, "haproxy"),)])
def test_a_server_that_is_not_certbot_s_is_one_unknown_and_never_a_finding(processes: tuple[Process, ...]) -> None:
    """Traefik and Caddy renew by themselves, others are given their files: that certbot is not there is no fault."""
    fleet = certificate_fleet(replace(FACTS, inside=(TRAEFIK,), renewals=()), replace(BARE, processes=processes))
    verdict = verdict_of("will_renew", fleet)
    assert (verdict.outcome, verdict.findings, len(verdict.unknown)) == (Outcome.UNKNOWN, (), 1)
    assert "`acme: {none:" in verdict.unknown[0].hint
    assert verdict_of("are_far_from_expiry", fleet).outcome is Outcome.HOLDS
    known = processes == BARE.processes
    on_disk_verdict = verdict_of("are_served_as_on_disk", fleet)
    assert on_disk_verdict.outcome is (Outcome.NOT_APPLICABLE if known else Outcome.UNKNOWN)


def test_a_server_that_keeps_its_own_files_under_certbot_s_directory_is_not_certbot_s() -> None:
    """Traefik's acme.json, or Caddy's data, on a volume at /etc/letsencrypt."""
    own = replace(TRAEFIK, letsencrypt=True)
    verdict = verdict_of("will_renew", certificate_fleet(replace(FACTS, inside=(own,), renewals=()), CONTAINER))
    assert (verdict.outcome, verdict.findings, len(verdict.unknown)) == (Outcome.UNKNOWN, (), 1)
    emptied = replace(INSIDE, lineages=(), certbot="")
    verdict = verdict_of("will_renew", certificate_fleet(replace(FACTS, inside=(emptied,), renewals=()), CONTAINER))
    assert verdict.outcome is Outcome.FINDING


def test_the_plugin_that_a_line_chooses_must_be_in_the_image() -> None:
    chosen = replace(RENEWAL, authenticator="dns-ovh")
    facts = replace(FACTS, renewals=(chosen,), inside=(replace(INSIDE, plugins=("manual", "webroot")),))
    [finding] = verdict_of("will_renew", certificate_fleet(facts)).findings
    assert "has no plugin dns-ovh" in finding.saw
    elsewhere = replace(chosen, where="other", containers=("ab" * 32,))
    both = replace(facts, renewals=(RENEWAL, elsewhere))
    assert verdict_of("will_renew", certificate_fleet(both)).outcome is Outcome.HOLDS
    standing = replace(LINEAGE, authenticator="dns-ovh")
    lacking = replace(both, inside=(replace(INSIDE, plugins=("webroot",), lineages=(standing,)),))
    assert verdict_of("will_renew", certificate_fleet(lacking)).outcome is Outcome.FINDING


def test_what_the_inventory_says_about_it_is_quoted() -> None:
    facts = replace(FACTS, inside=(TRAEFIK,), renewals=())
    fleet = certificate_fleet(facts, BARE, policy=", acme: {none: traefik gets it}")
    for rule in ("will_renew", "are_served_as_on_disk"):
        verdict = verdict_of(rule, fleet)
        assert (verdict.outcome, "traefik gets it" in verdict.not_applicable) == (Outcome.NOT_APPLICABLE, True)
    open_ = certificate_fleet(facts, BARE, policy=', acme: {undecided: "traefik, seen on web"}')
    assert verdict_of("will_renew", open_).outcome is Outcome.UNKNOWN


def test_a_container_of_another_service_that_could_not_be_looked_into_costs_only_itself() -> None:
    dark = ContainerFiles("77" * 32, "other", unseen=GONE)
    facts = replace(FACTS, inside=(dark, made.INSIDE))
    for rule in ("are_valid", "will_renew", "are_in_the_inventory", "are_served_as_on_disk"):
        assert verdict_of(rule, certificate_fleet(facts)).outcome is Outcome.HOLDS, rule
    own = replace(FACTS, inside=(made.INSIDE, replace(made.INSIDE, unseen=GONE)))
    assert verdict_of("will_renew", replace(certificate_fleet(own))).outcome is Outcome.HOLDS
    mine = replace(FACTS, inside=(dark, ContainerFiles(made.ID, "nginx", unseen=GONE)))
    assert verdict_of("will_renew", certificate_fleet(mine)).outcome is Outcome.UNKNOWN


WAYS = {
    "a plugin that is there": ("dns-ovh", ("dns-ovh", "webroot"), Outcome.HOLDS, ""),
    "a plugin that is not": ("dns-cloudflare", ("webroot",), Outcome.FINDING, "has no plugin dns-cloudflare"),
    "plugins that were not seen": ("dns-ovh", None, Outcome.UNKNOWN, ""),
    "by hand": ("manual", ("webroot",), Outcome.FINDING, "was got by hand (authenticator = manual"),
    "a server of its own": ("standalone", ("webroot",), Outcome.FINDING, "(standalone) needs port 80"),
}


@pytest.mark.parametrize("what", WAYS)
def test_the_way_of_convincing_the_authority_must_work_in_this_image(what: str) -> None:
    authenticator, plugins, outcome, words = WAYS[what]
    lineage = replace(LINEAGE, authenticator=authenticator)
    verdict = verdict_of("will_renew", certificate_fleet(run_inside(lineages=(lineage,), plugins=plugins)))
    assert (verdict.outcome, [words in finding.saw for finding in verdict.findings]) == (outcome, [True] * bool(words))


@pytest.mark.parametrize("authenticator", ["manual", "standalone"])
def test_a_hook_that_makes_room_or_answers_is_enough(authenticator: str) -> None:
    lineage = replace(LINEAGE, authenticator=authenticator, hooked=True)
    assert saw_in("will_renew", run_inside(lineages=(lineage,), plugins=("webroot",))) == []


def test_a_configuration_that_certbot_skips_is_one_finding() -> None:
    lineage = replace(LINEAGE, trouble=("it is empty",), authenticator="", account_found=False)
    [match] = saw_in("will_renew", run_inside(lineages=(lineage,)))
    assert match == f"certbot skips /etc/letsencrypt/renewal/{NAME}.conf: it is empty"


def test_nginx_that_picks_its_files_for_each_handshake_needs_no_reload() -> None:
    site = replace(
        SITE,
        certificates=("/etc/letsencrypt/live/$ssl_server_name/fullchain.pem",),
        keys=("/etc/letsencrypt/live/$ssl_server_name/privkey.pem",),
    )
    facts = replace(run_inside(nginx=Nginx((site,))), renewals=(replace(RENEWAL, reloading=Reloading()),))
    assert saw_in("will_renew", facts) == []


@pytest.mark.parametrize(
    ("mounts", "found"),
    [
        ((), "not on a volume"),
        ((replace(VOLUME, name="ab" * 32),), "on a volume without a name"),
        ((Mount("tmpfs", "", "/etc/letsencrypt"),), "tmpfs"),
        ((replace(VOLUME, destination="/etc/letsencrypt/live"),), "not on a volume"),
    ],
)
def test_case_58_letsencrypt_that_is_not_on_a_named_volume_is_a_finding(mounts: tuple[Mount, ...], found: str) -> None:
    [text] = saw_in("will_renew", FACTS, replace(CONTAINER, mounts=mounts))
    assert text == f"/etc/letsencrypt in rodan_nginx is {found}"


def test_case_58_a_volume_above_it_or_a_bind_mount_is_fine() -> None:
    for mount in (replace(VOLUME, destination="/etc"), Mount("bind", "/srv/le", "/etc/letsencrypt")):
        assert saw_in("will_renew", FACTS, replace(CONTAINER, mounts=(mount,))) == []


def test_a_certificate_that_certbot_does_not_renew_says_so_in_the_inventory() -> None:
    verdict = verdict_of(
        "will_renew", certificate_fleet(run_inside(lineages=()), policy=", acme: {none: bought every year}")
    )
    assert (verdict.outcome, verdict.not_applicable) == (Outcome.NOT_APPLICABLE, "bought every year")


def test_whether_challenges_are_answered_may_be_unknown() -> None:
    verdict = verdict_of("will_renew", certificate_fleet(replace(FACTS, http={NAME: GONE})))
    assert verdict.outcome is Outcome.UNKNOWN


# use_sound_tls


def test_an_old_protocol_is_a_finding() -> None:
    [match] = saw_in("use_sound_tls", replace(FACTS, served=(replace(SERVED, old=("TLS 1.0", "TLS 1.1")),)))
    assert match == "port 443 still speaks TLS 1.0 and TLS 1.1"


def test_old_protocols_that_could_not_be_tried_are_unknown() -> None:
    unseen = replace(FACTS, served=(replace(SERVED, old=GONE),))
    assert verdict_of("use_sound_tls", certificate_fleet(unseen)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("hsts", "outcome"), [(31536000, Outcome.HOLDS), (0, Outcome.FINDING), (None, Outcome.FINDING)]
)
def test_hsts_is_looked_for_where_the_policy_asks_for_it(hsts: int | None, outcome: Outcome) -> None:
    facts = replace(FACTS, served=(replace(SERVED, hsts=hsts),))
    assert verdict_of("use_sound_tls", certificate_fleet(facts, policy=", hsts: true")).outcome is outcome
    assert verdict_of("use_sound_tls", certificate_fleet(facts)).outcome is Outcome.HOLDS


# are_in_the_inventory


def test_a_certificate_on_disk_that_the_inventory_does_not_mention_is_listed() -> None:
    other = make_certificate(Wish(subject="old.example.org", names=["old.example.org"]), MIDDLE)
    facts = run_inside(lineages=(LINEAGE, Lineage("old.example.org", chain=(other.pem,))))
    [listed] = verdict_of("are_in_the_inventory", certificate_fleet(facts)).warnings
    assert "old.example.org" in listed.saw
    assert listed.severity == "warning"


def test_a_site_that_the_inventory_does_not_mention_is_listed() -> None:
    facts = run_inside(nginx=Nginx((SITE, Site(("old.example.org",), (443,)), Site(("_", "~^x"), (443,)))))
    assert len(verdict_of("are_in_the_inventory", certificate_fleet(facts)).warnings) == 1


def test_a_site_with_a_wildcard_for_a_known_name_is_known() -> None:
    facts = run_inside(nginx=Nginx((Site((".example.org",), (443,)), Site(("*.example.org",), (443,)))))
    assert verdict_of("are_in_the_inventory", certificate_fleet(facts)).warnings == ()


def test_the_look_s_own_time_decides() -> None:
    assert verdict_of("are_valid", certificate_fleet(now=NOW + 71 * DAY)).outcome is Outcome.FINDING
