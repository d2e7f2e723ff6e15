"""The rules about services."""

from fleetkeeper.judging.rule import Rule, the_fleet
from fleetkeeper.topics.backups.database.facts import Facts as Databases
from fleetkeeper.topics.backups.rules.dumps import each_database
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.containers.placement import each_declared_service
from fleetkeeper.topics.services.facts import Facts
from fleetkeeper.topics.services.rules.deployed import are_deployed_as_declared, each_stack
from fleetkeeper.topics.services.rules.drift import have_their_own_settings
from fleetkeeper.topics.services.rules.kept_data import postgres_kept_its_data
from fleetkeeper.topics.services.rules.members import can_run_on_every_member
from fleetkeeper.topics.services.rules.pinning import database_stops_first, with_local_data_are_pinned
from fleetkeeper.topics.services.rules.running import are_running
from fleetkeeper.topics.services.rules.stack_files import have_sound_stack_files
from fleetkeeper.topics.services.stacks.facts import Facts as Stacks

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
        judge=database_stops_first,
        each=each_database,
        looks_at=(Facts,),
        person="the order of updates is decided in the stack file",
    ),
    Rule(
        topic="services",
        judge=can_run_on_every_member,
        each=the_fleet,
        looks_at=(Facts,),
        person="whether a member is meant to be there, and open to tasks, is decided by people",
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
    Rule(
        topic="services",
        judge=are_deployed_as_declared,
        each=each_stack,
        looks_at=(Stacks,),
        person="whether the file or what runs is right is decided by whoever deploys it",
    ),
    Rule(
        topic="services",
        judge=have_sound_stack_files,
        each=each_stack,
        looks_at=(Stacks,),
        person="a stack file is changed where it is kept, and deployed from there",
    ),
)
