"""The lines that `fleetkeeper init` proposes for the section `certificates`, from what it found."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.inventory.survey_results import Findings, ServedSite, left_open
from fleetkeeper.inventory.yaml_lines import flow
from fleetkeeper.untrusted import one_line

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
        yield f"  - {flow({'name': site.name, 'service': site.service})}   # {about(site)}"
    yield "# A private or a test authority is a finding until you say that it is right: `ca: ./authority.pem` for all,"
    yield "# `allow_issuer: [its name]` for one name."


def silent_servers(findings: Findings) -> str:
    """The web servers that were seen although no name is served with TLS, in words; empty without one."""
    keys = ", ".join(service.key for service in findings.services if service.web)
    return f"{keys} may serve a name, and no name was seen that is served with TLS" if keys else ""


def about(site: ServedSite) -> str:
    """The comment about one site: its note, or its issuer and the day on which its certificate ends."""
    note = site.note or f"issued by {site.issuer}, until {site.until}"
    return one_line(note)[:WIDTH]
