"""Every rule on certificates that the openssl command made: another author than the library that judges them."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fleetkeeper.judging.verdicts import Outcome
from fleetkeeper.topics.certificates.facts import CertificateFile, ContainerFiles, Facts, Key
from fleetkeeper.topics.certificates.rules.validity import public_key_digest
from fleetkeeper.topics.certificates.served_certificate import leaf_of
from tests.example_fleets import certificates as made
from tests.example_fleets.certificates import (
    FACTS,
    INSIDE,
    LINEAGE,
    LIVE,
    NAME,
    RULES,
    SERVED,
    certificate_fleet,
    verdict_of,
)

MAKE = r"""
set -e
exec 2>/dev/null
names() { printf 'subjectAltName=DNS:%s\nextendedKeyUsage=serverAuth\nkeyUsage=critical,digitalSignature\n' "$1"; }
authority='basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\n'
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }
new() { key "$1"; openssl req -new -key "$1.key" -subj "/O=x/CN=$1"; }
sign() { openssl x509 -req -CA "$1.pem" -CAkey "$1.key" -CAcreateserial -days "$2" -extfile "$3"; }
printf "$authority" >authority; names "$NAME" >right; names wrong.example.org >wrong
new root >root.csr; openssl x509 -req -in root.csr -signkey root.key -days 900 -extfile authority >root.pem
new middle >middle.csr; sign root 400 authority <middle.csr >middle.pem
new leaf >leaf.csr; sign middle 90 right <leaf.csr >leaf.pem
sign middle 90 right <leaf.csr >again.pem
sign middle 90 wrong <leaf.csr >wrong.pem
openssl x509 -req -in leaf.csr -signkey leaf.key -days 90 -extfile right >own.pem
"""


@dataclass(frozen=True)
class CertificateFolder:
    """A folder with what openssl made."""

    folder: Path

    def pem(self, name: str) -> str:
        return (self.folder / f"{name}.pem").read_text()

    def chain(self, leaf: str) -> tuple[str, ...]:
        return (self.pem(leaf), self.pem("middle"))

    def facts(self, served: tuple[str, ...], disk: tuple[str, ...] = ()) -> Facts:
        disk = disk or served
        inside: ContainerFiles = replace(
            INSIDE,
            files=(CertificateFile(f"{LIVE}/fullchain.pem", disk),),
            keys=(Key(f"{LIVE}/privkey.pem", public_key_digest(leaf_of(disk))),),
            lineages=(replace(LINEAGE, chain=disk),),
        )
        return replace(FACTS, served=(replace(SERVED, chain=served),), inside=(inside,))

    def verdict(self, rule: str, facts: Facts, *, days: float = 1, root: str = "root") -> tuple[Outcome, str]:
        """What a rule says so many days after the certificates were made, and its first finding."""
        text = (made.TEXT % "").replace("CA", str(self.folder / f"{root}.pem"))
        now = datetime.now(UTC) + timedelta(days=days)
        fleet = replace(
            certificate_fleet(facts, now=now), inventory=made.load_inventory(self.folder / "world.yml", text)
        )
        match = verdict_of(rule, fleet)
        return match.outcome, match.findings[0].saw if match.findings else ""


@pytest.fixture(scope="module")
def openssl(tmp_path_factory: pytest.TempPathFactory) -> CertificateFolder:
    folder = tmp_path_factory.mktemp("openssl")
    subprocess.run(["sh", "-c", MAKE], cwd=folder, env={"NAME": NAME, "PATH": "/usr/bin:/bin"}, check=True)
    return CertificateFolder(folder)


@pytest.mark.parametrize("rule", RULES)
def test_a_good_world_holds(openssl: CertificateFolder, rule: str) -> None:
    assert openssl.verdict(rule, openssl.facts(openssl.chain("leaf"))) == (Outcome.HOLDS, "")


BROKEN = {
    "ended": ("are_valid", "leaf", 91, "it expired"),
    "not begun": ("are_valid", "leaf", -1, "it is not valid before"),
    "for another name": ("are_valid", "wrong", 1, "it is for wrong.example.org"),
    "signed by itself": ("are_valid", "own", 1, "it is self-signed"),
    "near its end": ("are_far_from_expiry", "leaf", 70, "it ends in"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_one_thing_broken_is_one_finding(openssl: CertificateFolder, what: str) -> None:
    rule, leaf, days, words = BROKEN[what]
    outcome, saw = openssl.verdict(rule, openssl.facts(openssl.chain(leaf)), days=days)
    assert (outcome, words in saw) == (Outcome.FINDING, True), saw


def test_the_intermediate_missing_or_the_root_unknown_is_found(openssl: CertificateFolder) -> None:
    outcome, saw = openssl.verdict("are_valid", openssl.facts((openssl.pem("leaf"),)))
    assert (outcome, "does not send the intermediate certificate of middle" in saw) == (Outcome.FINDING, True)
    outcome, saw = openssl.verdict("are_valid", openssl.facts(openssl.chain("leaf")), root="own")
    assert (outcome, "which is not trusted" in saw) == (Outcome.FINDING, True)


def test_two_certificates_for_one_key_are_told_apart_by_their_fingerprint(openssl: CertificateFolder) -> None:
    facts = openssl.facts(openssl.chain("leaf"), openssl.chain("again"))
    assert openssl.verdict("are_served_as_on_disk", facts)[0] is Outcome.FINDING
    assert openssl.verdict("are_valid", facts)[0] is Outcome.HOLDS


def test_a_key_of_another_certificate_is_found(openssl: CertificateFolder) -> None:
    facts = openssl.facts(openssl.chain("leaf"))
    [inside] = facts.inside
    assert isinstance(inside, ContainerFiles)
    swapped = replace(inside, keys=(Key(f"{LIVE}/privkey.pem", public_key_digest(leaf_of(openssl.chain("middle")))),))
    outcome, saw = openssl.verdict("are_valid", replace(facts, inside=(swapped,)))
    assert (outcome, "does not belong to the certificate" in saw) == (Outcome.FINDING, True)
