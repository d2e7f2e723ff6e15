"""Services: whether what was declared runs, and whether it can be moved away from its data."""

from fleet.rules import Rule
from fleet.topics.backups.rules import each_database
from fleet.topics.containers import Facts as Containers
from fleet.topics.containers.entering import each_declared_service
from fleet.topics.databases import Facts as Databases
from fleet.topics.services.data import postgres_kept_its_data
from fleet.topics.services.drift import have_their_own_settings
from fleet.topics.services.facts import Facts, Member, ServiceMount, SwarmService, Task, Volume
from fleet.topics.services.observing import observe
from fleet.topics.services.pinning import with_local_data_are_pinned
from fleet.topics.services.running import are_running

RULES: tuple[Rule, ...] = (
    Rule(
        topic="services",
        judge=are_running,
        each=each_declared_service,
        looks_at=(Containers, Facts),
        person="why a service does not run must be understood before anything is done about it",
    ),
    Rule(
        topic="services",
        judge=with_local_data_are_pinned,
        each=each_declared_service,
        looks_at=(Facts,),
        person="where data lives is decided in the stack file, and a new constraint restarts the service",
    ),
    Rule(
        topic="services",
        judge=have_their_own_settings,
        each=each_declared_service,
        looks_at=(Facts,),
    ),
    Rule(
        topic="services",
        judge=postgres_kept_its_data,
        each=each_database,
        looks_at=(Databases,),
        person="only a person can say which database is the right one, and bring the old data back",
    ),
)

__all__ = ["RULES", "Facts", "Member", "ServiceMount", "SwarmService", "Task", "Volume", "observe"]
