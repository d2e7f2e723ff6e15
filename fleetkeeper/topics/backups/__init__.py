"""The topic `backups`: database dumps are made, are complete, have a plausible time and size, and are thinned."""

from fleetkeeper.looking.observer import Observer
from fleetkeeper.topics.backups import facts, init_lines, observe, policy, root_questions, rules
from fleetkeeper.topics.backups.coverage import facts as coverage_facts
from fleetkeeper.topics.backups.coverage import observe as coverage_observe
from fleetkeeper.topics.backups.database import facts as database_facts
from fleetkeeper.topics.backups.database import observe as database_observe
from fleetkeeper.topics.backups.second_copy import facts as copy_facts
from fleetkeeper.topics.backups.second_copy import observe as copy_observe
from fleetkeeper.topics.protocol import Topic

TOPIC = Topic(
    "backups",
    observers=(
        Observer(database_facts.Facts, database_observe.observe),
        Observer(copy_facts.Facts, copy_observe.observe),
        Observer(coverage_facts.Facts, coverage_observe.observe),
        Observer(facts.Facts, observe.observe),
    ),
    rules=rules.RULES,
    policy=policy.Policy,
    about="Who dumps the database, when and where to; or `none: why`.",
    required=True,
    remedies=("backups.are_fresh", "backups.exist_elsewhere", "backups.are_thinned"),
    root_questions=coverage_observe.root_questions,
    root_questions_about=root_questions.root_questions_about,
    init_lines=init_lines.init_lines,
)
