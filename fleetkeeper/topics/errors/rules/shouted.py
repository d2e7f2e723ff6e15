"""The rule that services report no errors: a digest of what they wrote, by kind."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.errors import NotApplicable
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.errors.facts import Digest
from fleetkeeper.topics.errors.policy import Policy
from fleetkeeper.topics.errors.rules.logged import Logged, judge_service
from fleetkeeper.transport.commands import Unobservable

SHOWN_KINDS = 20


def report_none(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """No service has logged an error in the last 24 hours, as far as `docker logs` has it.

    Off unless the section says `digest: true`. The error lines of each log are counted by kind, and each kind is a
    warning of its own: new where no audit has seen it before. A kind is what is left of a line without numbers,
    addresses, quoted text, values behind an equals sign, words of keys, and the values of the container's variables and
    secrets; lines are masked on the node, and none leaves it. Lines of Postgres with values of rows are dropped there,
    and of its messages only kinds that are known are kept. At most 20000 lines and 8 MiB of a log are read: where it
    has more, a warning says so. Log files are not read. Unknown where a log could not be read, and where nothing runs.
    Source: docs/runbook.md, "Hardening and deployment"; https://docs.docker.com/reference/cli/docker/container/logs/
    """
    if not fleet.inventory.section(Policy).digest:
        raise NotApplicable("no digest of errors is asked for (`errors: {digest: true}`)")
    return judge_service(fleet, subject, judge_digest)


def judge_digest(logged: Logged) -> Iterator[Finding]:
    """A warning for each kind of error of one container. Raises Unobservable where its log could not be read."""
    digest = raise_if_unobservable(logged.logs.digest) or Digest()
    name = logged.container.service
    for kind in digest.kinds[:SHOWN_KINDS]:
        yield kind_finding(logged, f"{name} logged {kind.count} times: {kind.mask}")
    others = sum(kind.count for kind in digest.kinds[SHOWN_KINDS:]) + digest.others
    if others:
        yield kind_finding(logged, f"{name} logged {others} errors of other kinds")
    if digest.cut:
        yield kind_finding(
            logged, f"{name} logged more than is read: only the last {digest.lines} lines were looked at"
        )


def kind_finding(logged: Logged, saw: str) -> Finding:
    """A warning about what one container logged."""
    return Finding(
        saw=saw,
        want="no error, or none of this kind",
        node=logged.node,
        about=logged.container.service,
        severity="warning",
        hint="`docker logs --since 24h` on the node shows the lines themselves",
    )
