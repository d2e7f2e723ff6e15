"""A certificate that no client takes: replaced where it is certbot's and the inventory allows it, else told by line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleetkeeper.readers.nginx import Nginx
from fleetkeeper.topics.certificates.facts import CertificateFile, ContainerFiles, Facts, Key
from fleetkeeper.transport.script_files import load_script
from remediate.plan import ForAPerson, Plan
from remediate.remedies import REMEDIES
from remediate.steps import RunInContainer, dump, load
from tests.example_fleets.certificates import (
    FACTS,
    GOOD,
    ID,
    INSIDE,
    LEAF,
    LINEAGE,
    LIVE,
    MIDDLE,
    NAME,
    SERVED,
    SITE,
    Made,
    Wish,
    certificate_fleet,
    make_authority,
    make_certificate,
    on_disk,
    verdict_of,
)

ACME = ", acme: {agree_tos: true, email: ops@example.org, webroot: /var/www/le}"
PLACE = "/etc/nginx/conf.d/site.conf:7"
MISNAMED = make_certificate(Wish(names=["a.org", "b.org"]), MIDDLE)
STAGING = make_authority("(STAGING) Artificial Apricot R3", make_authority("(STAGING) Root"))
FROM_STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"
MISMATCH = f'SSL_CTX_use_PrivateKey("{LIVE}/privkey.pem") failed (SSL: error:05800074:x509::key values mismatch)'


def make_world(*chain: Made, inside: ContainerFiles | None = None) -> Facts:
    """A chain that is served, and lies on disk where certbot keeps it."""
    pem = tuple(item.pem for item in chain)
    kept = replace(
        on_disk(chain[0]),
        files=(CertificateFile(f"{LIVE}/fullchain.pem", pem),),
        lineages=(replace(LINEAGE, chain=pem),),
        nginx=Nginx((replace(SITE, places=(PLACE,)),)),
    )
    return replace(FACTS, served=(replace(SERVED, chain=pem),), inside=(inside or kept,))


BAD = {
    "wrong name": make_world(MISNAMED, MIDDLE),
    "self-signed": make_world(make_certificate(Wish())),
    "incomplete": make_world(LEAF),
    "weak key": make_world(make_certificate(Wish(key="rsa1024"), MIDDLE), MIDDLE),
}


def answer_to(facts: Facts, policy: str = "", rule: str = "are_valid") -> Plan | ForAPerson:
    whole = certificate_fleet(facts, policy=policy)
    return REMEDIES[f"certificates.{rule}"](verdict_of(rule, whole).findings[0], whole)


def make_plan(facts: Facts, policy: str = ACME, rule: str = "are_valid") -> Plan:
    match = answer_to(facts, policy, rule)
    assert isinstance(match, Plan), match
    return match


def person(facts: Facts, policy: str = ACME) -> ForAPerson:
    match = answer_to(facts, policy)
    assert isinstance(match, ForAPerson), match
    return match


def questions_asked(made: Plan) -> str:
    [certbot, *_] = made.steps
    assert isinstance(certbot, RunInContainer)
    return " ".join(certbot.words[4:])


@pytest.mark.parametrize("what", BAD)
def test_case_52_what_no_client_takes_is_replaced_once_then_tested_reloaded_and_compared(what: str) -> None:
    made = make_plan(BAD[what])
    scripts = [step.words[2] for step in made.steps]  # type: ignore[union-attr]
    assert scripts[:3] == [
        load_script("remediate/remedies/certificates/scripts/run_certbot.sh"),
        load_script("remediate/remedies/certificates/scripts/test_nginx.sh"),
        load_script("remediate/remedies/certificates/scripts/reload_nginx.sh"),
    ]
    assert questions_asked(made).startswith(
        f"/usr/bin/certbot certonly --non-interactive --cert-name {NAME} --domain {NAME} "
    )
    assert "--force-renewal --renew-with-new-domains --webroot -w /var/www/le --agree-tos" in questions_asked(made)
    assert made.disturbs == ("reload",)
    assert made.requires[0].because == "port 443 serves the certificate that was seen"
    assert [load(dump(step)) for step in made.steps] == list(made.steps)


@pytest.mark.parametrize("what", BAD)
def test_without_the_inventory_s_word_a_person_gets_the_whole_command(what: str) -> None:
    text = person(BAD[what], policy="")
    assert "does not say how" in text.why
    assert f"docker exec {ID[:12]} certbot certonly" in text.what_to_do
    assert f"--domain {NAME}" in text.what_to_do


def test_a_certificate_that_is_not_certbot_s_by_the_inventory_is_not_replaced() -> None:
    assert "bought every year" in person(BAD["self-signed"], ", acme: {none: bought every year}").why


@pytest.mark.parametrize("what", ["wrong name", "self-signed", "incomplete"])
def test_the_finding_names_the_directive_and_its_line(what: str) -> None:
    [match] = verdict_of("are_valid", certificate_fleet(BAD[what])).findings
    assert f"`ssl_certificate {LIVE}/fullchain.pem;` in {PLACE}" in match.hint


def test_cert_pem_in_nginx_is_told_with_file_line_and_what_to_write() -> None:
    site = replace(SITE, certificates=(f"{LIVE}/cert.pem",), places=(PLACE,))
    files = (CertificateFile(f"{LIVE}/cert.pem", (LEAF.pem,)), CertificateFile(f"{LIVE}/fullchain.pem", GOOD))
    facts = make_world(LEAF, inside=replace(INSIDE, nginx=Nginx((site,)), files=files))
    text = person(facts)
    assert text.why == f"nginx serves {LIVE}/cert.pem, which is not certbot's {LIVE}/fullchain.pem"
    assert f"let `ssl_certificate {LIVE}/cert.pem;` in {PLACE} be `ssl_certificate {LIVE}/fullchain.pem;`" in (
        text.what_to_do
    )
    assert f"docker exec {ID[:12]} nginx -t" in text.what_to_do


def test_a_placeholder_is_told_to_point_nginx_to_what_certbot_will_get() -> None:
    """`will_renew` gets it; nginx' configuration is the team's own."""
    site = replace(SITE, certificates=("/etc/nginx/placeholder.pem",), places=(PLACE,))
    alone = make_certificate(Wish())
    files = (CertificateFile("/etc/nginx/placeholder.pem", (alone.pem,)),)
    text = person(make_world(alone, inside=replace(INSIDE, nginx=Nginx((site,)), files=files, lineages=(), keys=())))
    assert "certificates.will_renew" in text.what_to_do
    assert f"in {PLACE} be `ssl_certificate {LIVE}/fullchain.pem;`" in text.what_to_do


def test_a_chain_that_is_whole_on_disk_by_now_is_only_reloaded() -> None:
    facts = replace(make_world(LEAF, MIDDLE), served=(replace(SERVED, chain=(LEAF.pem,)),))
    assert [step.words[2] for step in make_plan(facts, policy="").steps[:2]] == [
        load_script("remediate/remedies/certificates/scripts/test_nginx.sh"),
        load_script("remediate/remedies/certificates/scripts/reload_nginx.sh"),
    ]  # type: ignore[union-attr]


def test_case_53_a_staging_certificate_is_replaced_by_one_of_the_real_server() -> None:
    facts = make_world(make_certificate(Wish(), STAGING), STAGING)
    [inside] = facts.inside
    staged = replace(facts, inside=(replace(inside, lineages=(replace(inside.lineages[0], server=FROM_STAGING),)),))  # type: ignore[union-attr]
    assert "--server" not in questions_asked(make_plan(staged))
    own = ACME.replace("agree_tos", "server: https://acme.example.org/dir, agree_tos")
    assert "--server https://acme.example.org/dir" in questions_asked(make_plan(staged, own))
    assert "another would be alike" in person(facts).why


def test_the_names_that_somebody_still_asks_for_are_kept_and_the_others_are_named() -> None:
    other = replace(SITE, names=("b.org",), certificates=(f"{LIVE}/fullchain.pem",))
    facts = BAD["wrong name"]
    [inside] = facts.inside
    shared = replace(facts, inside=(replace(inside, nginx=Nginx((SITE, other))),))  # type: ignore[type-var]
    made = make_plan(shared)
    assert f"--domain {NAME} --domain b.org --key-type" in questions_asked(made)
    [note] = made.notes
    assert note == "the new one is no longer for a.org: neither the inventory nor nginx asks for it"


def test_a_name_that_another_certificate_of_certbot_serves_is_added_to_that_one() -> None:
    """Several names on one port, and one of them forgotten when the certificate was got."""
    other = make_certificate(Wish(subject="a.org", names=["a.org"]), MIDDLE)
    live = "/etc/letsencrypt/live/a.org/fullchain.pem"
    sites = tuple(replace(SITE, names=(name,), certificates=(live,)) for name in (NAME, "a.org"))
    chain = (other.pem, MIDDLE.pem)
    kept = replace(LINEAGE, name="a.org", chain=chain)
    inside = replace(INSIDE, nginx=Nginx(sites), files=(CertificateFile(live, chain),), lineages=(kept,), keys=())
    made = make_plan(make_world(other, MIDDLE, inside=inside))
    assert f"--cert-name a.org --domain {NAME} --domain a.org --key-type" in questions_asked(made)
    assert made.notes == ()
    named = person(make_world(other, MIDDLE, inside=inside), f"{ACME}, lineage: elsewhere.org")
    assert named.why == f"certbot has no certificate for {NAME} that could be served instead"


def test_further_names_of_the_inventory_are_asked_for_and_the_kind_of_key_stays() -> None:
    policy = ACME.replace("agree_tos", "names: [www.example.org], agree_tos")
    rsa = make_certificate(Wish(names=["a.org"], key="rsa2048"), MIDDLE)
    assert f"--domain {NAME} --domain www.example.org --key-type rsa" in questions_asked(
        make_plan(make_world(rsa, MIDDLE), policy)
    )
    assert "--key-type ecdsa" in questions_asked(make_plan(BAD["wrong name"], policy))


def test_an_ended_certificate_for_another_name_is_replaced_where_allowed_and_else_renewed() -> None:
    both = make_world(make_certificate(Wish(names=["a.org"], days=(-91, -1)), MIDDLE), MIDDLE)
    assert "certonly" in questions_asked(make_plan(both))
    assert questions_asked(make_plan(both, policy="")).startswith("/usr/bin/certbot renew --cert-name")


def test_case_52_a_key_that_does_not_match_is_replaced_with_its_certificate() -> None:
    broken = replace(INSIDE, nginx=Nginx(broken=MISMATCH), keys=(Key(f"{LIVE}/privkey.pem", "00" * 32),))
    facts = replace(FACTS, inside=(broken,))
    made = make_plan(facts)
    assert "certonly" in questions_asked(made)
    assert [step.words[2] for step in made.steps[1:3]] == [
        load_script("remediate/remedies/certificates/scripts/test_nginx.sh"),
        load_script("remediate/remedies/certificates/scripts/reload_nginx.sh"),
    ]  # type: ignore[union-attr]
    assert "certbot certonly" in person(facts, policy="").what_to_do


def test_case_54_a_key_is_not_replaced_while_nginx_refuses_something_else() -> None:
    broken = replace(INSIDE, nginx=Nginx(broken="unknown directive"), keys=(Key(f"{LIVE}/privkey.pem", "00" * 32),))
    assert "unknown directive" in person(replace(FACTS, inside=(broken,))).why


def test_a_key_of_a_file_that_certbot_does_not_keep_is_for_a_person() -> None:
    site = replace(SITE, certificates=("/own.pem",), keys=("/own.key",))
    facts = replace(
        FACTS,
        inside=(
            replace(
                INSIDE,
                nginx=Nginx((site,)),
                files=(CertificateFile("/own.pem", GOOD),),
                keys=(Key("/own.key", "00"),),
                lineages=(),
            ),
        ),
    )
    assert person(facts).why == "certbot does not keep /own.pem, so it cannot replace it"


def test_a_private_authority_that_is_not_trusted_is_no_reason_for_another_certificate() -> None:
    own = make_authority("Own Intermediate", make_authority("Own Root"))
    text = person(make_world(make_certificate(Wish(), own), own, make_authority("Own Root")))
    assert text.why == "another certificate would not mend this"
    assert "ca:" in text.what_to_do
