"""The rules about Docker's engine."""

from fleetkeeper.inventory.benchmark_ids import in_editions
from fleetkeeper.judging.rule import Rule, each_node
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.engine.facts import Facts
from fleetkeeper.topics.engine.rules import auditing, configuration, files, reach, upkeep

DECIDED = "how an engine is set up, and when it may restart, a person decides"

RULES: tuple[Rule, ...] = (
    Rule("engine", reach.is_reached_by_few, each_node, (Facts,), DECIDED, in_editions(*reach.CHECKS)),
    Rule("engine", files.files_belong_to_root, each_node, (Facts,), DECIDED, in_editions(*files.CHECKS)),
    Rule("engine", auditing.is_audited, each_node, (Facts,), DECIDED, in_editions(*auditing.CHECKS)),
    Rule(
        "engine", configuration.keeps_containers_apart, each_node, (Facts,), DECIDED, in_editions(*configuration.APART)
    ),
    Rule("engine", configuration.is_set_up_soundly, each_node, (Facts,), DECIDED, in_editions(*configuration.SOUND)),
    Rule("engine", configuration.asks_and_logs, each_node, (Facts,), DECIDED, in_editions(*configuration.ASKING)),
    Rule("engine", upkeep.is_current, each_node, (Facts,), DECIDED, in_editions(*upkeep.CURRENT)),
    Rule("engine", upkeep.has_its_own_disk, each_node, (Facts,), DECIDED, in_editions(*upkeep.DISK)),
    Rule("engine", upkeep.is_tidy, each_node, (Facts, Containers), DECIDED, in_editions("6.1", "6.2")),
)
