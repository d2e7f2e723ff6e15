"""Scenarios of nginx and certbot: a certificate that is old, was not reloaded, or could not be renewed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256

from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.cron.own_crontab import Crontab
from fleetkeeper.readers.marked_blocks import block_lines
from fleetkeeper.topics.certificates import renewal_schedule
from fleetkeeper.topics.certificates.facts import CertificateFile as Certificate
from fleetkeeper.topics.certificates.facts import ContainerFiles, Reloading, Renewal
from tests.example_fleets import certificates
from tests.example_fleets.certificates import NAME
from tests.remedy_scenarios.base import Scenario

OLD, RENEWED = (
    certificates.make_certificate(certificates.Wish(days=days), certificates.MIDDLE) for days in ((-85, 5), (-1, 89))
)
OTHER = certificates.make_certificate(certificates.Wish(names=("other.example.org",)), certificates.MIDDLE)


class Site(Scenario):
    """nginx with a certificate of certbot's: `served` is what it serves, `kept` what lies on disk."""

    rule, nodes, undone = "certificates.are_far_from_expiry", ("web",), False
    served, kept = OLD, OLD
    crontab = "1 1 * * * certbot renew\n"
    hooked = True
    account = "0f"
    known = True
    policy = ", acme: {agree_tos: true, email: ops@example.org, webroot: /var/www/le}"
    made: Mapping[str, certificates.Made] = {item.pem: item for item in (OLD, RENEWED, OTHER)}
    own = "etc/letsencrypt"
    hook = f"{own}/renewal-hooks/deploy/fleetkeeper-reload"

    def build(self) -> None:
        middle = certificates.MIDDLE.pem
        self.write("web", "renewed", RENEWED.pem + middle)
        self.write("web", "served", self.served.pem + middle)
        self.write("web", f"{self.own}/accounts/acme.example.org/directory/{self.account}/key", "k")
        self.at("web", f"{self.own}/live/{NAME}").mkdir(parents=True)
        self.at("web", self.hook).parent.mkdir(parents=True)
        if self.crontab:
            self.write("web", "spool/root", self.crontab)
        if self.known:
            self.write("web", f"{self.own}/live/{NAME}/fullchain.pem", self.kept.pem + middle)
            self.write("web", f"{self.own}/renewal/{NAME}.conf", "server = x\naccount = 0f\n")

    def leaf(self, path: str) -> certificates.Made:
        """The certificate that a file begins with."""
        text = self.at("web", path).read_text()
        return next(made for pem, made in self.made.items() if text.startswith(pem))

    def fleet(self) -> Fleet:
        chain = (self.leaf("served").pem, certificates.MIDDLE.pem)
        served = (replace(certificates.SERVED, chain=chain),)
        table = self.at("web", "spool/root")
        content = table.read_bytes() if table.exists() else b""
        hooked = self.hooked or self.at("web", self.hook).exists()
        entry = Renewal(
            "/var/spool/cron/crontabs/root:1",
            entered=True,
            containers=(certificates.ID,),
            reloading=Reloading(here=hooked),
        )
        match = Crontab(
            "root", sha256(content).hexdigest() if content else "absent", block_lines(content, renewal_schedule.BLOCK)
        )
        renewals = (entry,) if b"certbot" in content else ()
        facts = replace(certificates.FACTS, served=served, inside=(self.inside(),), renewals=renewals, crontab=match)
        return certificates.certificate_fleet(facts, policy=self.policy)

    def inside(self) -> ContainerFiles:
        path = f"{self.own}/live/{NAME}/fullchain.pem"
        if not self.at("web", path).exists():
            return replace(certificates.on_disk(OLD), lineages=(), files=())
        leaf = self.leaf(path)
        names = self.at("web", f"{self.own}/renewal/{NAME}.conf").read_text()
        account = names.rpartition("account = ")[2].strip()
        present = self.at("web", f"{self.own}/accounts/acme.example.org/directory/{account}").exists()
        lineage = replace(
            certificates.LINEAGE, account=account, account_found=present, chain=(leaf.pem, certificates.MIDDLE.pem)
        )
        chain = (leaf.pem, certificates.MIDDLE.pem)
        live = Certificate(f"{certificates.LIVE}/fullchain.pem", chain)
        return replace(certificates.on_disk(leaf), files=(live,), lineages=(lineage,))


class WrongName(Site):
    """What is served is for another name: certbot is asked for a new one."""

    rule, served, kept = "certificates.are_valid", OTHER, OTHER


class NotReloaded(Site):
    rule, kept = "certificates.are_served_as_on_disk", RENEWED


class AccountLost(Site):
    """A renewal is due, and needs a new account first."""

    account = "gone"


class Unscheduled(Site):
    rule, crontab, undone = "certificates.will_renew", "", True


class NoHook(Site):
    rule, hooked, undone = "certificates.will_renew", False, True


class NotIssued(Site):
    rule, known = "certificates.will_renew", False


class OnlyTheAccountLost(Site):
    rule, account = "certificates.will_renew", "gone"
