"""The rules about errors of services, in the order in which they are shown."""

from fleetkeeper.judging.rule import Rule
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.containers.placement import each_declared_service
from fleetkeeper.topics.errors.facts import Facts
from fleetkeeper.topics.errors.rules.bounded import are_bounded
from fleetkeeper.topics.errors.rules.kept import are_kept
from fleetkeeper.topics.errors.rules.reach import reach_somebody
from fleetkeeper.topics.errors.rules.shouted import report_none

__all__ = ["RULES", "are_bounded", "are_kept", "reach_somebody", "report_none"]

PERSON = (
    "how a service logs stands in its stack file, its image or its settings, which are yours; where `stacks` names the "
    "file, `remediate --print-patch` prints what to change"
)
RULES: tuple[Rule, ...] = (
    Rule("errors", are_kept, each_declared_service, (Facts, Containers), person=PERSON),
    Rule("errors", are_bounded, each_declared_service, (Facts, Containers), person=PERSON),
    Rule("errors", reach_somebody, each_declared_service, (Facts, Containers), person=PERSON),
    Rule("errors", report_none, each_declared_service, (Facts, Containers), person=PERSON),
)
