"""The rule that somebody answers for what no look can judge."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.benchmark_ids import LEVEL_2, in_editions
from fleetkeeper.inventory.schema import require_policy
from fleetkeeper.judging.finding import Finding, Part
from fleetkeeper.judging.number_checks import LEVEL
from fleetkeeper.judging.rule import Rule, Subject, the_fleet
from fleetkeeper.looking.fleet import Fleet

ATTESTED_NUMBERS = ("1.2.1", "4.3", "4.5", "4.11", "4.12", "5.23", "5.28", "7.6")
"""What only a person can judge, by the numbers of 1.8."""


def is_attested(fleet: Fleet, subject: Subject) -> Iterator[Finding | Part]:
    """Somebody answers for each recommendation of the benchmark that no look can judge, until a day.

    Whether hosts are hardened, packages needed and keys changed is nowhere to be seen. It is judged by `attested` of
    the inventory's `benchmark`: who, until when, and what was looked at. Does not apply while nothing is attested at
    all. A warning, unless enforced.

    Source: docs/runbook.md, "Docker's engine"; CIS Docker Benchmark 1.8, 1.2.1, 4.3, 4.5, 4.11, 4.12, 5.23, 5.28
    and 7.6.
    """
    policy = require_policy(fleet.inventory.benchmark)
    if not policy.attested:
        raise NotApplicable("nobody attests anything yet (`benchmark: {attested: …}`)")
    for number in ATTESTED_NUMBERS:
        ids = in_editions(number)
        attestation = policy.attestation_of(ids)
        if number in LEVEL_2 and policy.level < 2:
            yield Part(ids, LEVEL)
        elif attestation is None or not attestation.holds_on(fleet.looked_at.date()):
            late = f"what {attestation.by} said of {number} ended on {attestation.until}" if attestation else ""
            yield Finding(
                saw=late or f"nobody answers for {number}",
                want=f"who says so, until when, and why (CIS Docker {number})",
                about=f"cis:{number}",
                severity="warning",
                hint=f"`fleetkeeper explain cis:{number}` says what it is about",
                cis=ids,
            )


PERSON = "nobody but a person can say so"
RULES: tuple[Rule, ...] = (Rule("benchmark", is_attested, the_fleet, (), PERSON, in_editions(*ATTESTED_NUMBERS)),)
