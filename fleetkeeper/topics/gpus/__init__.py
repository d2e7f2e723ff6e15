"""The topic `gpus`: a service that needs a GPU has one, from the driver to the task that opens the device."""

from fleetkeeper.looking.observer import Observer
from fleetkeeper.topics.gpus import check_record, facts, observe, policy, resources, rules
from fleetkeeper.topics.protocol import Topic

TOPIC = Topic(
    "gpus",
    observers=(
        Observer(facts.Facts, observe.observe),
        Observer(resources.Facts, resources.observe),
        Observer(check_record.Facts, check_record.observe),
    ),
    rules=rules.RULES,
    policy=policy.Policy,
    about="The nodes that have NVIDIA GPUs and the services that need them; or `none: why`.",
    remedies=("gpus.are_given_to_containers", "gpus.are_where_the_service_may_run", "gpus.reach_the_worker"),
    root_questions_about=check_record.root_questions_about_gpus,
    init_lines=policy.init_lines,
)
