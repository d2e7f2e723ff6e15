"""The lines that `fleetkeeper init` proposes for the section `certificates`, from what it found."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.inventory.survey_results import Findings, ServedSite, left_open
from fleetkeeper.inventory.yaml_lines import flow, scalar
from fleetkeeper.untrusted import one_line

FOREIGN = "nothing of certbot's was seen there: say who renews it (none: why), or how certbot does"
"""What stands for `acme` where another server than certbot's keeps the certificate."""
NAMED = 4
"""Sentences about what serves TLS, at most."""
WIDTH = 110
"""Signs of a comment, at most."""


def init_lines(findings: Findings) -> Iterator[str]:
    """The lines of the section `certificates`; where no site was found, one that leaves it open."""
    if not findings.sites:
        section = left_open(findings, "nothing was seen that serves TLS", silent_servers(findings))
        yield f"certificates: {flow(section)}"
        return
    yield "# The names that are served with TLS, and the service that serves them."
    yield "certificates:"
    for site in findings.sites:
        renewal = f", acme: {flow({'undecided': FOREIGN})}" if site.foreign else ""
        yield f"  - {{name: {scalar(site.name)}, service: {scalar(site.service)}{renewal}}}   # {about(site)}"
    yield "# A private or a test authority is a finding until you say that it is right: `ca: ./authority.pem` for all,"
    yield "# `allow_issuer: [its name]` for one name."


def silent_servers(findings: Findings) -> str:
    """What serves TLS or may, in words, where no name was seen; empty where nothing does."""
    if findings.tls:
        more = f" and {len(findings.tls) - NAMED} more" if len(findings.tls) > NAMED else ""
        return f"{'; '.join(findings.tls[:NAMED])}{more}; no name was seen that is served with TLS"
    keys = ", ".join(service.key for service in findings.services if service.web)
    return f"{keys} may serve a name, and no name was seen that is served with TLS" if keys else ""


def about(site: ServedSite) -> str:
    """The comment about one site: its note, or its issuer and the day on which its certificate ends."""
    note = site.note or f"issued by {site.issuer}, until {site.until}"
    return one_line(note)[:WIDTH]
