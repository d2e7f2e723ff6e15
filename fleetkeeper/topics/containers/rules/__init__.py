"""The rules about containers."""

from fleetkeeper.inventory.benchmark_ids import in_editions
from fleetkeeper.judging.rule import Rule, each_node
from fleetkeeper.topics.containers.facts import Facts
from fleetkeeper.topics.containers.placement import each_declared_service
from fleetkeeper.topics.containers.rules import groups, limits, publishing, upkeep
from fleetkeeper.topics.containers.rules.exec_user import enter_as_their_own_user
from fleetkeeper.topics.containers.rules.privileges import ESCAPES, cannot_gain_privileges
from fleetkeeper.topics.containers.rules.users import each_service_and_node, run_as_their_own_user
from fleetkeeper.topics.services.facts import Facts as Services

STACK = "what a container needs, and may take, is decided where the stack or compose file is kept"

RULES: tuple[Rule, ...] = (
    Rule(
        topic="containers",
        judge=run_as_their_own_user,
        each=each_service_and_node,
        looks_at=(Facts,),
        cis=in_editions("4.1"),
    ),
    Rule(
        topic="containers",
        judge=enter_as_their_own_user,
        each=each_declared_service,
        looks_at=(Facts,),
        person="the image or the stack file says as whom one enters, and both are kept elsewhere",
        cis=in_editions("5.24"),
    ),
    Rule(
        topic="containers",
        judge=cannot_gain_privileges,
        each=each_node,
        looks_at=(Facts,),
        person="what a container needs of its node is decided where the stack or compose file is kept",
        cis=in_editions(*ESCAPES),
    ),
    Rule("containers", groups.run_in_their_own_groups, each_node, (Facts,), STACK),
    Rule("containers", limits.have_limits, each_node, (Facts,), STACK, in_editions(*limits.CHECKS)),
    Rule("containers", upkeep.are_health_checked, each_node, (Facts,), STACK, in_editions(*upkeep.HEALTH)),
    Rule("containers", upkeep.cannot_change_themselves, each_node, (Facts,), STACK, in_editions(*upkeep.UNCHANGED)),
    Rule("containers", upkeep.run_no_sshd, each_node, (Facts,), STACK, in_editions(*upkeep.SSH)),
    Rule(
        "containers",
        publishing.publish_what_is_meant,
        each_node,
        (Facts, Services),
        STACK,
        in_editions(*publishing.PUBLISHING),
    ),
    Rule(
        "containers",
        publishing.restart_as_meant,
        each_node,
        (Facts, Services),
        STACK,
        in_editions(*publishing.RESTARTING),
    ),
)
