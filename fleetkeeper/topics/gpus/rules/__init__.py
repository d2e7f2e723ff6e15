"""The rules about GPUs."""

from fleetkeeper.judging.rule import Rule
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.gpus.check_record import Facts as Checks
from fleetkeeper.topics.gpus.facts import Facts
from fleetkeeper.topics.gpus.gpu_members import each_gpu_node, each_gpu_service
from fleetkeeper.topics.gpus.resources import Facts as Resources
from fleetkeeper.topics.gpus.rules.computing import are_computed_on
from fleetkeeper.topics.gpus.rules.driver import have_a_driver
from fleetkeeper.topics.gpus.rules.placement_by_label import are_where_the_service_may_run
from fleetkeeper.topics.gpus.rules.runtime import are_given_to_containers
from fleetkeeper.topics.gpus.rules.worker import reach_the_worker
from fleetkeeper.topics.services.facts import Facts as Services

__all__ = [
    "RULES",
    "are_computed_on",
    "are_given_to_containers",
    "are_where_the_service_may_run",
    "have_a_driver",
    "reach_the_worker",
]

RULES: tuple[Rule, ...] = (
    Rule(
        topic="gpus",
        judge=have_a_driver,
        each=each_gpu_node,
        looks_at=(Facts,),
        person="a driver is installed, and a node rebooted, by people: everything on it stops",
    ),
    Rule(
        topic="gpus",
        judge=are_given_to_containers,
        each=each_gpu_node,
        looks_at=(Facts, Services, Resources),
    ),
    Rule(
        topic="gpus",
        judge=are_where_the_service_may_run,
        each=each_gpu_service,
        looks_at=(Containers, Services, Resources),
    ),
    Rule(
        topic="gpus",
        judge=reach_the_worker,
        each=each_gpu_service,
        looks_at=(Containers, Facts),
    ),
    Rule(
        topic="gpus",
        judge=are_computed_on,
        each=each_gpu_service,
        looks_at=(Checks,),
        person="an audit runs nothing: `remediate gpus check` does, and what is wrong is mended in the image",
    ),
)
