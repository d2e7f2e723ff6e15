"""The lines that `fleetkeeper init` proposes for the section `certificates`, from what it found."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.inventory.survey_results import Findings, ServedSite, nothing
from fleetkeeper.inventory.yaml_lines import flow
from fleetkeeper.untrusted import one_line

WIDTH = 110
"""Signs of a comment, at most."""


def init_lines(findings: Findings) -> Iterator[str]:
    """The lines of the section `certificates`; one with `none: why` where no site was found."""
    if not findings.sites:
        yield f"certificates: {flow({'none': nothing(findings, 'no name was seen that is served with TLS')})}"
        return
    yield "# The names that are served with TLS, and the service that serves them."
    yield "certificates:"
    for site in findings.sites:
        yield f"  - {flow({'name': site.name, 'service': site.service})}   # {about(site)}"
    yield "# A private or a test authority is a finding until you say that it is meant: `ca: ./authority.pem` for all,"
    yield "# `allow_issuer: [its name]` for one name."


def about(site: ServedSite) -> str:
    """The comment about one site: its note, or its issuer and the day on which its certificate ends."""
    note = site.note or f"issued by {site.issuer}, until {site.until}"
    return one_line(note)[:WIDTH]
