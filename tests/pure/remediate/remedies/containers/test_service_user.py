"""The remedy for a service that runs as somebody else: one watched restart, or exact reasons why a person must act."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Node, Service
from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import judge_subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics import containers
from fleetkeeper.topics.containers.facts import Container, Denied, Mount, Preflight, Process
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.topics.services.facts import Member, MountedSecret, Published, ServiceMount, SwarmService, Volume
from fleetkeeper.topics.services.rules import drift
from fleetkeeper.transport.commands import Unobservable
from remediate.plan import ForAPerson, Plan
from remediate.remedies.containers.service_user import run_as_their_own_user
from remediate.steps import ChangeOwner, Run, UpdateService

RULE = next(rule for rule in containers.TOPIC.rules if rule.name == "run_as_their_own_user")
CLEAR = Preflight("django", 4000, 4000, (), (), (), ())
WEB = Container(
    id="4f" * 32,
    name="rodan_web.1.x",
    labels={"com.docker.swarm.service.name": "rodan_web"},
    pid=7,
    processes=(Process(7, 0, 0, "python3"),),
    accounts={"root": 0, "django": 4000},
    preflight=CLEAR,
)
TOLD = SwarmService(
    "s1", "rodan_web", image="web:1@sha256:00", user="root", version=23, stack="rodan", has_healthcheck=True
)
SERVICE = Service(key="web", name="rodan_web", user=("rodan", "django"))
MEMBERS = (Member("n1", "manager", role="manager"), Member("n2", "data"))


def answer_to(container: Container = WEB, told: SwarmService | None = TOLD, **more: Any) -> Plan | ForAPerson:
    """What the remedy answers to the first finding of the rule."""
    inventory = Inventory.model_construct(
        name="lab",
        nodes={name: Node(name=name, address="192.0.2.1") for name in ("data", "manager")},
        services={"web": more.get("service", SERVICE)},
        waivers=(),
    )
    facts = {
        ("data", "containers"): Containers("present", (container,)),
        ("manager", "containers"): Containers("present", ()),
        ("data", "services"): Services("worker", "n2"),
        ("manager", "services"): Services("manager", "n1", MEMBERS, (told,) if told else ()),
        **more.get("facts", {}),
    }
    fleet = Fleet(inventory, datetime.now(UTC), facts)
    seen = judge_subject(RULE, fleet, more.get("subject", Subject("service", "web")))
    return run_as_their_own_user((*seen.findings, *seen.warnings)[0], fleet)


def refusal_of(container: Container = WEB, told: SwarmService | None = TOLD, **more: Any) -> ForAPerson:
    answered = answer_to(container, told, **more)
    assert isinstance(answered, ForAPerson)
    return answered


def test_where_nothing_stands_in_the_way_the_service_is_given_the_first_user_that_its_image_knows():
    plan = answer_to()
    assert isinstance(plan, Plan)
    [step] = plan.steps
    assert isinstance(step, UpdateService)
    assert (step.node, step.service, step.user, step.was, step.image) == (
        "manager",
        "rodan_web",
        "django",
        "root",
        "web:1@sha256:00",
    )


def test_the_plan_asks_for_consent_to_a_restart_and_names_its_way_back():
    plan = answer_to()
    assert isinstance(plan, Plan)
    assert plan.disturbs == ("restart",)
    assert "root" in plan.undo
    [must] = plan.requires
    assert (must.node, must.answer) == ("manager", "23")


def test_the_patch_of_the_stack_file_is_printed_with_the_name_that_it_has_there():
    plan = answer_to()
    assert isinstance(plan, Plan)
    assert "services.web.user: django" in plan.notes[0]


def test_without_a_health_check_the_new_task_is_watched_for_longer():
    plan = answer_to(told=replace(TOLD, has_healthcheck=False))
    assert isinstance(plan, Plan)
    [step] = plan.steps
    assert isinstance(step, UpdateService)
    assert step.settle == 60
    assert "no health check" in plan.notes[-1]


def test_a_health_check_of_the_image_counts_and_a_patient_one_is_waited_for():
    plan = answer_to(replace(WEB, has_healthcheck=True, patience=300.0), told=replace(TOLD, has_healthcheck=False))
    assert isinstance(plan, Plan)
    [step] = plan.steps
    assert isinstance(step, UpdateService)
    assert (step.settle, step.limit) == (20, 360)


def test_the_inventory_says_how_long_it_must_run_well():
    plan = answer_to(service=SERVICE.model_copy(update={"settle": timedelta(minutes=5)}))
    assert isinstance(plan, Plan)
    [step] = plan.steps
    assert isinstance(step, UpdateService)
    assert step.settle == 300
    assert "healthy for 300 s" in plan.success


def memory_of(**changed: Any) -> str:
    plan = answer_to(told=replace(TOLD, **changed))
    assert isinstance(plan, Plan)
    return plan.memory


def test_a_rolled_back_plan_is_remembered_until_somebody_changes_the_image_or_what_its_tasks_are_told():
    assert memory_of() == memory_of(version=29)
    assert len({memory_of(), memory_of(image="web:2"), memory_of(shape="4711"), memory_of(user="")}) == 4


def test_the_ports_that_it_serves_today_are_looked_for_afterwards():
    plan = answer_to(replace(WEB, preflight=replace(CLEAR, listens=(8000,))))
    assert isinstance(plan, Plan)
    assert isinstance(plan.steps[-1], Run)
    assert plan.steps[-1].words[-2:] == ("rodan_web", "1F40")
    assert not plan.steps[-1].changes
    assert plan.disturbs == ("restart",)


PUBLISHED = replace(TOLD, published=(Published(80, 8000, mode="host"), Published(53, 53, "udp"), Published(9, 9)))


def test_published_ports_are_tried_before_and_afterwards_where_something_listens_behind_them():
    plan = answer_to(replace(WEB, preflight=replace(CLEAR, listens=(8000,))), PUBLISHED)
    assert isinstance(plan, Plan)
    [_, before] = plan.requires
    after = plan.steps[-1]
    assert isinstance(after, Run)
    assert before.words[4:] == ("rodan_web", "host", "1", "80")
    assert after.words[4:] == ("rodan_web", "host", "10", "80")
    assert (after.node, after.changes) == ("data", False)
    assert "port 80 of data" in before.because


MEDIA = "/var/lib/docker/volumes/media/_data"
VOLUME = Mount("volume", MEDIA, "/data", name="media", driver="local")
OWNED = Denied("/data", MEDIA, 1000, True, (f"0:0 600 {MEDIA}/x",))
OWNER = replace(WEB, mounts=(VOLUME,), preflight=replace(CLEAR, denied=(OWNED,)))
PINNED = replace(TOLD, constraints=("node.hostname == data",), mounts=(ServiceMount("volume", "media", "/data"),))


def test_files_on_a_volume_of_its_own_are_given_to_it_first_with_consent_to_that():
    plan = answer_to(OWNER, PINNED)
    assert isinstance(plan, Plan)
    first, update, again = plan.steps
    assert first == again == ChangeOwner("data", MEDIA, 4000, 4000)
    assert isinstance(update, UpdateService)
    assert plan.disturbs == ("ownership", "restart")
    assert "old owners" in plan.undo


def test_files_that_another_container_uses_too_are_for_a_person():
    neighbour = replace(OWNER, id="5e" * 32, name="celery", labels={}, processes=(Process(9, 33, 33, "celery"),))
    shared = {("data", "containers"): Containers("present", (OWNER, neighbour))}
    text = refusal_of(OWNER, PINNED, facts=shared)
    assert "more than 1000 files of /data could not be used by django (uid 4000)" in text.why
    assert "celery uses them too" in text.why
    assert f"chown -R 4000:4000 {MEDIA}" in text.what_to_do


def test_replicas_of_one_service_share_its_own_volume():
    twin = replace(OWNER, id="5e" * 32, name="rodan_web.2.y", pid=9, processes=(Process(9, 0, 0, "python3"),))
    plan = answer_to(OWNER, PINNED, facts={("data", "containers"): Containers("present", (OWNER, twin))})
    assert isinstance(plan, Plan)
    assert [type(step) for step in plan.steps] == [ChangeOwner, UpdateService, ChangeOwner]


def test_files_on_the_network_or_in_a_directory_of_the_node_are_for_a_person():
    network = {("data", "services"): Services("worker", "n2", volumes=(Volume("media", remote=True),))}
    assert "on the network" in refusal_of(OWNER, PINNED, facts=network).why
    bound = replace(OWNER, mounts=(Mount("bind", MEDIA, "/data"),))
    assert "a directory of the node" in refusal_of(bound, PINNED).why


@pytest.mark.parametrize(
    ("found", "why", "what_to_do"),
    [
        ({"helpers": ("runuser",)}, "its start script calls runuser", "change the start script"),
        ({"low_ports": (80,)}, "listens on port 80", "above 1024"),
        ({"unsaved": ("/etc/letsencrypt/key.pem",)}, "/etc/letsencrypt/key.pem", "put them on a volume"),
    ],
)
def test_case_63_what_would_not_work_is_not_tried_and_the_reason_is_exact(found, why, what_to_do):
    text = refusal_of(replace(WEB, preflight=replace(CLEAR, **found)))
    assert why in text.why
    assert what_to_do in text.what_to_do


@pytest.mark.parametrize(
    ("file", "closed"),
    [
        (MountedSecret("secret", "db", mode=0o400), True),
        (MountedSecret("config", "site.conf", mode=0o640), True),
        (MountedSecret("secret", "db"), False),
        (MountedSecret("secret", "db", uid=4000, mode=0o400), False),
        (MountedSecret("secret", "db", gid=4000, mode=0o040), False),
        (MountedSecret("secret", "db", uid=4000, mode=0o044), True),
    ],
)
def test_case_63_a_secret_or_config_that_it_could_not_read_is_for_a_person(file, closed):
    answered = answer_to(told=replace(TOLD, handed=(file,)))
    assert isinstance(answered, ForAPerson) == closed
    if isinstance(answered, ForAPerson):
        assert f"its {file.kind} {file.name} belongs to" in answered.why
        assert 'uid: "4000"' in answered.what_to_do


@pytest.mark.parametrize(("mode", "closed"), [(None, False), (0o1777, False), (0o700, True), (0o755, True)])
def test_case_63_a_tmpfs_of_root_s_own_is_for_a_person(mode, closed):
    answered = answer_to(told=replace(TOLD, mounts=(ServiceMount("tmpfs", "", "/cache", mode=mode),)))
    assert isinstance(answered, ForAPerson) == closed


@pytest.mark.parametrize("field", ["denied", "helpers", "low_ports", "unsaved"])
def test_what_could_not_be_found_out_makes_no_plan(field):
    with pytest.raises(Unobservable):
        answer_to(replace(WEB, preflight=replace(CLEAR, **{field: Unobservable("time limit")})))


def test_a_look_that_left_the_preflight_out_makes_no_plan():
    with pytest.raises(Unobservable, match="not looked at"):
        answer_to(replace(WEB, preflight=None))


def test_case_76_a_service_that_may_lose_its_data_at_a_restart_is_never_restarted():
    loose = replace(TOLD, mounts=(ServiceMount("volume", "data", "/data"),))
    assert "may lose its data" in refusal_of(told=loose).why


def test_a_user_that_the_image_lacks_must_be_made_there():
    text = refusal_of(replace(WEB, accounts={"root": 0}, preflight=None))
    assert "no user rodan or django" in text.why


def test_case_60_a_user_that_is_uid_0_in_the_image_is_never_given():
    text = refusal_of(replace(WEB, accounts={"root": 0, "django": 0}, preflight=None))
    assert "in its image django is uid 0" in text.why


def test_a_master_that_is_meant_to_be_root_keeps_its_user():
    assert "as whom its workers run" in refusal_of(service=SERVICE.model_copy(update={"master": "root"})).why


def test_a_service_that_is_told_right_and_still_wrong_is_for_a_person():
    assert "set-uid" in refusal_of(told=replace(TOLD, user="django")).what_to_do


def test_a_service_in_the_middle_of_an_update_is_left_alone():
    assert "an update of it is paused" in refusal_of(told=replace(TOLD, update_state="paused")).why


def test_a_root_that_is_nobody_on_the_node_is_not_worth_a_restart():
    assert "user namespaces" in refusal_of(replace(WEB, processes=(Process(7, 0, 100000, "python3"),))).why


def compose_plan(**more: str) -> Container:
    labels = {"service": "web", "project": "rodan", "project.working_dir": "/srv/rodan", "version": "2.24.5"} | more
    return replace(
        WEB, labels={f"com.docker.compose.{key}": value for key, value in labels.items()}, name="rodan-web-1"
    )


def by_compose(**more: str) -> ForAPerson:
    return refusal_of(compose_plan(**more), told=None, service=SERVICE.model_copy(update={"name": "web"}))


def test_a_compose_service_gets_the_patch_the_file_and_the_command():
    compose = by_compose(**{"project.config_files": "/srv/rodan/compose.yaml"})
    assert compose.what_to_do == (
        "on data, in /srv/rodan/compose.yaml: services.web.user: django; "
        "then `cd /srv/rodan && docker compose up -d --no-deps web`"
    )


@pytest.mark.parametrize(
    ("labels", "command"),
    [
        ({"version": "1.29.2"}, "cd /srv/rodan && docker-compose up -d --no-deps web"),
        ({"project": "other"}, "cd /srv/rodan && docker compose -p other up -d --no-deps web"),
        (
            {"project.config_files": "a b.yml,prod.yml"},
            "cd /srv/rodan && docker compose -f 'a b.yml' -f prod.yml up -d --no-deps web",
        ),
        ({"project.working_dir": ""}, "docker compose -p rodan up -d --no-deps web"),
        ({"project.working_dir": "/srv/x; touch /tmp/p/rodan"}, "cd '/srv/x; touch /tmp/p/rodan' && docker compose up"),
    ],
)
def test_the_command_for_a_compose_service_is_that_of_its_own_project(labels, command):
    assert command in by_compose(**labels).what_to_do


def test_what_stands_in_the_way_of_a_compose_service_is_said_first():
    stuck = replace(compose_plan(), preflight=replace(CLEAR, helpers=("gosu",)))
    text = refusal_of(stuck, told=None, service=SERVICE.model_copy(update={"name": "web"}))
    assert "before that: its start script calls gosu" in text.why


def test_a_service_of_a_swarm_that_nobody_looks_at_is_changed_by_a_manager():
    text = refusal_of(told=None, facts={("manager", "services"): Services("worker", "n1")})
    assert "none of its managers" in text.why


def test_a_container_started_by_hand_is_for_whoever_knows_how():
    text = refusal_of(replace(WEB, labels={}, name="rodan_web"), told=None)
    assert "--user django" in text.what_to_do


def test_a_container_that_nobody_declared_is_for_a_person():
    stranger = replace(WEB, labels={}, name="redis")
    text = refusal_of(stranger, subject=Subject("node", "data"))
    assert "waivers" in text.what_to_do
    assert "redis" in text.what_to_do


def test_case_73_a_name_from_a_node_begins_no_line_of_its_own():
    stranger = replace(WEB, labels={"com.docker.compose.service": "x\n::error::boom"}, name="y")
    text = refusal_of(stranger, subject=Subject("node", "data"))
    assert "\n" not in text.what_to_do
    assert "\n" not in by_compose(**{"project.working_dir": "/srv/x\n::error::"}).what_to_do


def test_no_plan_is_made_while_a_node_was_not_seen():
    with pytest.raises(Unobservable):
        answer_to(facts={("manager", "services"): Unobservable("denied")})


def test_case_25_a_name_that_two_services_have_is_nobody_s_to_guess():
    twin = replace(compose_plan(service="rodan_web"), id="5e" * 32, pid=9, processes=(Process(9, 33, 33, "x"),))
    text = refusal_of(facts={("data", "containers"): Containers("present", (WEB, twin))})
    assert "rodan/rodan_web of Compose, rodan_web of the swarm" in text.why


def test_a_replica_that_is_right_already_does_not_stand_in_the_way():
    right = replace(WEB, id="5e" * 32, name="rodan_web.2.y", processes=(Process(7, 4000, 4000, "x"),), preflight=None)
    plan = answer_to(facts={("data", "containers"): Containers("present", (WEB, right))})
    assert isinstance(plan, Plan)


# What the stack file lacks


def noted(service: SwarmService) -> list[str]:
    facts = {("manager", "services"): Services("manager", "n1", MEMBERS, (service,))}
    inventory = Inventory.model_construct(
        nodes={name: Node(name=name, address="192.0.2.1") for name in ("data", "manager")}
    )
    return list(drift.notes(Fleet(inventory, datetime.now(UTC), facts)))


def test_a_user_that_was_given_is_noted_until_the_stack_file_is_deployed():
    [text] = noted(replace(TOLD, user="django", lent="django"))
    assert "services.web.user: django" in text
    assert noted(replace(TOLD, user="django")) == []


def test_a_user_that_somebody_has_changed_since_is_not_ours_to_note():
    assert noted(replace(TOLD, user="rodan", lent="django")) == []
