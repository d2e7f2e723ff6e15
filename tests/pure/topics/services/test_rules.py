"""Services: what does not run is said with its reason, and what can be moved away from its data is found."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Node, Service
from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import Outcome, Verdict, judge_subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics import services
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.services import constraints
from fleetkeeper.topics.services.facts import (
    Facts,
    Member,
    MountedSecret,
    Published,
    ServiceMount,
    SwarmService,
    Task,
    Validity,
    Volume,
)
from fleetkeeper.topics.services.parse import parse
from fleetkeeper.topics.services.parse import parse_service as observe_service
from fleetkeeper.topics.services.rules import drift
from fleetkeeper.topics.services.rules.pinning import pinning_findings
from fleetkeeper.topics.services.update_settings import CAREFUL, OWN_UPDATES
from fleetkeeper.transport.commands import Output, Unobservable

NOW = 1764000000.0
SWARM = "com.docker.swarm.service.name"
COMPOSE, PROJECT = "com.docker.compose.service", "com.docker.compose.project"
RULES = {rule.name: rule for rule in services.TOPIC.rules}
MEMBERS = (
    Member("n1", "manager", role="manager"),
    Member("n2", "data"),
    Member("n3", "vgpu", labels={"queue": "GPU"}),
)
DATA = ServiceMount("volume", "rodan_pg_data", "/var/lib/postgresql/data")
POSTGRES = SwarmService("s1", "rodan_postgres", constraints=("node.hostname == vgpu",), mounts=(DATA,))
RUNS = Task("rodan_postgres", "vgpu", "running", "running")
TASK = Container("4f" * 32, "rodan_postgres.1.x7k", labels={SWARM: "rodan_postgres"}, pid=7, health="healthy")
DECLARED = Service(key="postgres", name="rodan_postgres", user=("postgres",))


def example_fleet(
    *container: Container,
    told: SwarmService | None = POSTGRES,
    tasks: tuple[Task, ...] = (RUNS,),
    service: Service = DECLARED,
    **changed: Any,
) -> Fleet:
    """Three nodes in a swarm; the containers are on vgpu. `changed` replaces facts: `data_services=…`."""
    manager = Facts("manager", "n1", MEMBERS, (told,) if told else (), tasks)
    facts: dict[tuple[str, str], Any] = {
        ("manager", "services"): manager,
        ("data", "services"): Facts("worker", "n2"),
        ("vgpu", "services"): Facts("worker", "n3", volumes=(Volume("rodan_pg_data"),)),
        ("manager", "containers"): Containers("present", (), NOW),
        ("data", "containers"): Containers("present", (), NOW),
        ("vgpu", "containers"): Containers("present", container, NOW),
    }
    facts |= {tuple(key.split("_")): value for key, value in changed.items()}  # type: ignore[misc]
    inventory = Inventory.model_construct(
        name="lab",
        nodes={name: Node(name=name, address="192.0.2.1") for name in ("manager", "data", "vgpu")},
        services={"postgres": service},
        waivers=(),
    )
    return Fleet(inventory, datetime.fromtimestamp(NOW, UTC), facts)


def is_running(*container: Container, **more: Any) -> Verdict:
    return judge_subject(RULES["are_running"], example_fleet(*container, **more), Subject("service", "postgres"))


def pinned(**more: Any) -> Verdict:
    return judge_subject(
        RULES["with_local_data_are_pinned"], example_fleet(TASK, **more), Subject("service", "postgres")
    )


# Does it run


def test_a_service_that_runs_and_is_healthy_holds():
    assert is_running(TASK).outcome is Outcome.HOLDS


def test_a_service_on_no_fully_seen_node_is_a_finding():
    [match] = is_running(tasks=()).findings
    assert "runs on no node" in match.saw


def test_none_is_unknown_while_a_node_was_not_seen():
    seen = is_running(tasks=(), data_containers=Unobservable("no route to host"))
    assert seen.outcome is Outcome.UNKNOWN
    assert not seen.findings


def test_a_service_that_waits_for_a_lost_label_says_what_the_swarm_says():
    waits = Task("rodan_postgres", "", "running", "pending", "no suitable node (scheduling constraints not satisfied)")
    [match] = is_running(tasks=(waits,)).findings
    assert "a task is pending: no suitable node" in match.saw


def test_a_task_on_a_swarm_node_that_the_inventory_does_not_list_is_named():
    elsewhere = replace(RUNS, member="old-gpu")
    manager = Facts("manager", "n1", (*MEMBERS, Member("n9", "old-gpu")), (POSTGRES,), (elsewhere,))
    [match] = is_running(manager_services=manager).findings
    assert match.saw == (
        "rodan_postgres runs on no node of the inventory: a task runs on old-gpu, which the inventory does not list: "
        "nobody looked there"
    )
    assert match.hint.startswith("add that node under `nodes`")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"state": "restarting", "pid": 0, "exit_code": 137, "restarts": 9},
            "ends with status 137 and is started again",
        ),
        ({"state": "paused"}, "is paused"),
        ({"state": "dead", "pid": 0}, "is dead"),
        ({"health": "unhealthy"}, "fails its health check"),
        ({"restarts": 4, "started_at": datetime.fromtimestamp(NOW - 20, UTC).isoformat()}, "was restarted 4 times"),
    ],
)
def test_a_container_that_is_there_and_does_not_work_is_one_finding_with_the_right_words(changes, words):
    [match] = is_running(replace(TASK, **changes)).findings
    assert words in match.saw
    assert match.node == "vgpu"


def test_restarts_of_long_ago_are_history():
    long_ago = datetime.fromtimestamp(NOW - 86400, UTC).isoformat()
    assert is_running(replace(TASK, restarts=9, started_at=long_ago)).outcome is Outcome.HOLDS


def test_a_health_check_that_has_not_answered_yet_is_unknown():
    assert is_running(replace(TASK, health="starting")).outcome is Outcome.UNKNOWN


def test_a_service_that_has_ended_says_with_which_status():
    [match] = is_running(replace(TASK, state="exited", pid=0, exit_code=3), told=None, tasks=()).findings
    assert "has ended with status 3" in match.saw


def test_a_container_that_was_created_and_never_started_says_so():
    [match] = is_running(replace(TASK, state="created", pid=0), told=None, tasks=()).findings
    assert "was created and never started" in match.saw


def test_two_servers_where_one_is_wanted_are_a_finding():
    other = Containers("present", (replace(TASK, name="rodan_postgres.1.old"),), NOW)
    [match] = is_running(TASK, data_containers=other).findings
    assert match.saw.startswith("2 of rodan_postgres run")


def test_two_tasks_in_the_middle_of_an_update_are_no_finding():
    other = Containers("present", (replace(TASK, name="rodan_postgres.1.old"),), NOW)
    assert (
        is_running(TASK, data_containers=other, told=replace(POSTGRES, update_state="updating")).outcome
        is Outcome.HOLDS
    )


def test_fewer_than_the_inventory_wants_are_a_finding():
    three = DECLARED.model_copy(update={"replicas": 3})
    [match] = is_running(TASK, service=three).findings
    assert match.saw.startswith("1 of rodan_postgres run")
    assert match.want == "3 running"


def test_a_declared_service_that_the_swarm_was_told_to_run_zero_times_is_a_finding():
    assert is_running(told=replace(POSTGRES, replicas=0), tasks=()).outcome is Outcome.FINDING


def test_a_global_service_may_run_on_every_node():
    everywhere = Containers("present", (TASK,), NOW)
    assert is_running(TASK, data_containers=everywhere, told=replace(POSTGRES, replicas=None)).outcome is Outcome.HOLDS


def test_one_name_in_two_compose_projects_is_ambiguous_until_the_inventory_says_which():
    def of(project: str) -> Container:
        return Container("5e" * 32, f"{project}-postgres-1", labels={COMPOSE: "postgres", PROJECT: project}, pid=9)

    by_name = Service(key="postgres", name="postgres")
    [match] = is_running(of("old"), of("rodan"), service=by_name, told=None, tasks=()).findings
    assert "ambiguous" in match.saw
    exact = Service(key="postgres", name="rodan/postgres")
    assert is_running(of("old"), of("rodan"), service=exact, told=None, tasks=()).outcome is Outcome.HOLDS


def test_a_swarm_that_could_not_be_asked_is_unknown():
    assert is_running(TASK, manager_services=Unobservable("denied")).outcome is Outcome.UNKNOWN


# Can it be moved away from its data


def test_case_76_a_database_with_local_data_and_no_constraint_is_a_finding_that_names_its_node_of_today():
    [match] = pinned(told=replace(POSTGRES, constraints=())).findings
    assert "rodan_pg_data" in match.saw
    assert "may run on data, manager, vgpu" in match.saw
    assert "node.hostname == vgpu" in match.hint


def test_a_pinned_database_holds():
    assert pinned().outcome is Outcome.HOLDS


def with_sharer(**changes: Any) -> dict[str, Any]:
    """A second service that mounts the same volume by its name, and runs on data."""
    sharer = replace(POSTGRES, id="s2", name="rodan_celery", constraints=("node.hostname == data",), **changes)
    there = Task("rodan_celery", "data", "running", "running")
    return {"manager_services": Facts("manager", "n1", MEMBERS, (POSTGRES, sharer), (RUNS, there))}


def test_one_name_for_two_directories_is_the_finding_and_nobody_is_told_to_pin_each_where_it_runs():
    [match] = pinned(**with_sharer()).findings
    assert match.saw.startswith("rodan_pg_data is 2 directories of one name: on data for rodan_celery; on vgpu for")
    assert "node.hostname ==" not in match.hint


SHARER = Service(key="celery", name="rodan_celery")


def pinned_in_order(subject: str, *declared: Service, **more: Any) -> Verdict:
    """The verdict about one of several services of an inventory, which are in this order."""
    fleet = example_fleet(TASK, **more)
    entries = {service.key: service for service in declared}
    ordered = fleet.inventory.model_copy(update={"services": entries})
    return judge_subject(
        RULES["with_local_data_are_pinned"], replace(fleet, inventory=ordered), Subject("service", subject)
    )


@pytest.mark.parametrize("declared", [(DECLARED, SHARER), (SHARER, DECLARED)])
def test_a_split_volume_is_told_once_for_the_first_declared_that_writes_to_it(declared: tuple[Service, ...]):
    teller, other = (service.key for service in declared)
    [match] = pinned_in_order(teller, *declared, **with_sharer()).findings
    assert "on data for rodan_celery; on vgpu for rodan_postgres" in match.saw
    quiet = pinned_in_order(other, *declared, **with_sharer())
    assert (quiet.outcome, quiet.not_applicable) == (Outcome.NOT_APPLICABLE, f"rodan_pg_data is told for {teller}")


def test_a_volume_that_is_told_for_another_is_still_in_the_way_of_a_remedy():
    fleet = example_fleet(TASK, **with_sharer())
    services_seen = fleet.of("manager", Facts).services
    assert [[match.about for match in pinning_findings(fleet, service)] for service in services_seen] == [
        ["rodan_pg_data"],
        ["rodan_pg_data"],
    ]


def test_a_split_volume_is_not_told_for_a_service_that_only_reads_it():
    shared = with_sharer(mounts=(replace(DATA, read_only=True),))
    assert len(pinned_in_order("postgres", SHARER, DECLARED, **shared).findings) == 1
    assert pinned_in_order("celery", SHARER, DECLARED, **shared).outcome is Outcome.HOLDS


def test_a_split_volume_that_is_told_for_another_is_unknown_while_a_node_was_not_seen():
    shared = with_sharer() | {"vgpu_services": Unobservable("no route to host")}
    assert pinned_in_order("celery", DECLARED, SHARER, **shared).outcome is Outcome.UNKNOWN


def test_a_service_tells_its_own_split_volume_beside_one_that_is_told_for_another():
    own = replace(DATA, source="media")
    third = replace(POSTGRES, id="s3", name="rodan_web", constraints=(), mounts=(own,))
    sharer = replace(POSTGRES, id="s2", name="rodan_celery", constraints=(), mounts=(DATA, own))
    tasks = (RUNS, Task("rodan_celery", "data", "running", "running"), Task("rodan_web", "vgpu", "running", "running"))
    seen = {"manager_services": Facts("manager", "n1", MEMBERS, (POSTGRES, sharer, third), tasks)}
    [match] = pinned_in_order("celery", DECLARED, SHARER, **seen).findings
    assert match.about == "media"


@pytest.mark.parametrize("changes", [{"replicas": None}, {"mounts": (replace(DATA, source="its_own"),)}])
def test_a_directory_of_each_node_that_is_meant_so_splits_nothing(changes: dict[str, Any]):
    assert pinned(**with_sharer(**changes)).outcome is Outcome.HOLDS


def test_a_volume_on_the_network_is_one_directory_wherever_it_is_mounted():
    shared = Facts("worker", "n3", volumes=(Volume("rodan_pg_data", remote=True),))
    assert pinned(vgpu_services=shared, **with_sharer()).outcome is Outcome.HOLDS


@pytest.mark.parametrize(
    "constraints",
    [
        ("node.id == n3",),
        ("node.labels.queue == GPU",),
        ("node.labels.queue==gpu",),
        ("node.role != manager", "node.hostname != data"),
        ("node.hostname == VGPU",),
    ],
)
def test_whatever_leaves_one_node_pins(constraints):
    assert pinned(told=replace(POSTGRES, constraints=constraints)).outcome is Outcome.HOLDS


@pytest.mark.parametrize(
    "constraints", [("node.role == worker",), ("node.hostname != manager",), ("node.platform.os == linux",)]
)
def test_what_leaves_several_nodes_does_not_pin(constraints):
    assert pinned(told=replace(POSTGRES, constraints=constraints)).outcome is Outcome.FINDING


LOOSE = replace(POSTGRES, constraints=())


@pytest.mark.parametrize(
    "mount",
    [
        replace(DATA, read_only=True),
        replace(DATA, remote=True),
        replace(DATA, type="tmpfs"),
        ServiceMount("bind", "/srv/shared/db", "/data"),
    ],
)
def test_data_on_the_network_or_only_read_may_move(mount):
    remote = Facts("worker", "n2", remote_mounts=("/srv/shared",))
    assert pinned(told=replace(LOOSE, mounts=(mount,)), data_services=remote).outcome is Outcome.HOLDS


def test_a_bind_mount_on_a_node_s_own_disk_is_local_data():
    assert pinned(told=replace(LOOSE, mounts=(ServiceMount("bind", "/srv/db", "/data"),))).outcome is Outcome.FINDING


def test_a_volume_whose_directory_is_a_network_file_system_may_move():
    shared = Facts("worker", "n3", volumes=(Volume("rodan_pg_data", remote=True),))
    assert pinned(told=LOOSE, vgpu_services=shared).outcome is Outcome.HOLDS


def test_a_volume_that_is_remote_on_one_node_and_local_on_another_is_local():
    shared = Facts("worker", "n2", volumes=(Volume("rodan_pg_data", remote=True),))
    assert pinned(told=LOOSE, data_services=shared).outcome is Outcome.FINDING


def test_a_service_without_data_and_a_swarm_of_one_node_need_no_constraint():
    assert pinned(told=replace(LOOSE, mounts=())).outcome is Outcome.HOLDS
    alone = Facts("manager", "n1", MEMBERS[:1], (LOOSE,), ())
    assert pinned(manager_services=alone).outcome is Outcome.HOLDS


def test_containers_outside_a_swarm_stay_where_they_are():
    out = {f"{node}_services": Facts("inactive") for node in ("manager", "data", "vgpu")}
    assert pinned(**out).outcome is Outcome.NOT_APPLICABLE


def test_a_swarm_whose_managers_nobody_looks_at_is_unknown():
    workers = {f"{node}_services": Facts("worker") for node in ("manager", "data", "vgpu")}
    assert pinned(**workers).outcome is Outcome.UNKNOWN


def test_an_unseen_manager_is_unknown():
    assert pinned(manager_services=Unobservable("denied")).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("constraint", ["nonsense", "node.colour == red", "== x", ""])
def test_a_constraint_that_swarm_does_not_know_fits_no_node(constraint):
    assert not constraints.fits(MEMBERS[0], [constraint])


@given(st.text(max_size=20), st.sampled_from(["==", "!="]))
def test_a_constraint_and_its_negation_never_both_fit(value, operator):
    fits = [constraints.fits(MEMBERS[2], [f"node.hostname {sign} {value}"]) for sign in ("==", "!=")]
    assert fits.count(True) <= 1


# What the engine prints


def printed_output(*documents: object) -> str:
    return "\n".join(json.dumps(document) for document in documents)


ACTIVE = {"LocalNodeState": "active", "NodeID": "n1", "ControlAvailable": True}
OWN = {"NodeCertificate": ""}
SPEC = {
    "ID": "s1",
    "Version": {"Index": 23},
    "Spec": {
        "Name": "rodan_web",
        "Labels": {"com.docker.stack.namespace": "rodan"},
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": "web:1@sha256:00",
                "User": "root",
                "Args": ["sh", "-c", "runuser -u root -- start --password=hunter2"],
                "Env": ["PASSWORD=hunter2"],
                "Mounts": [
                    {
                        "Type": "volume",
                        "Source": "nas",
                        "Target": "/nas",
                        "VolumeOptions": {
                            "DriverConfig": {"Name": "local", "Options": {"type": "cifs", "o": "password=hunter2"}}
                        },
                    }
                ],
            },
            "Placement": {"Constraints": ["node.role == worker"]},
        },
        "Mode": {"Replicated": {"Replicas": 2}},
        "EndpointSpec": {"Ports": [{"TargetPort": 80, "PublishedPort": 8080}]},
    },
}


def test_a_manager_tells_of_members_services_and_tasks():
    member = {"ID": "n1", "Spec": {"Role": "manager", "Labels": {"a": "b"}}, "Description": {"Hostname": "m"}}
    member["ManagerStatus"] = {"Reachability": "reachable"}
    task = {"Name": "rodan_web.1", "Node": "m", "DesiredState": "Running", "CurrentState": "Running 2 hours ago"}
    facts = parse(printed_output(ACTIVE, [{"Name": "v", "Driver": "local"}], OWN, [member], [SPEC], task, task), ())
    [service] = facts.services
    assert facts.swarm == "manager"
    assert facts.members[0].labels == {"a": "b"}
    assert facts.members[0].reachability == "reachable"
    assert facts.tasks == (Task("rodan_web", "m", "running", "running", slot="1", age=7200.0),) * 2
    assert (service.image, service.user, service.version, service.replicas) == ("web:1@sha256:00", "root", 23, 2)
    assert service.helpers == ("runuser",)
    assert service.published == (Published(8080, 80),)
    assert service.mounts[0].remote


def test_what_the_swarm_hands_out_and_who_changed_a_user_are_told_and_survive_recording():
    made = {
        "Image": "web:1",
        "Secrets": [{"SecretName": "db", "File": {"Name": "db_password", "UID": "0", "GID": "33", "Mode": 256}}, {}],
        "Configs": [{"ConfigName": "site", "File": {"Name": "/etc/site.conf", "UID": "0", "GID": "0"}}],
        "Mounts": [{"Type": "tmpfs", "Target": "/cache", "TmpfsOptions": {"Mode": 448}}],
    }
    spec = {"Name": "web", "Labels": {"fleetkeeper.user": "django"}, "TaskTemplate": {"ContainerSpec": made}}
    facts = parse(printed_output(ACTIVE, [], OWN, [], [{"ID": "s1", "Spec": spec}]), ())
    [service] = facts.services
    assert service.handed == (
        MountedSecret("secret", "db_password", 0, 33, 0o400),
        MountedSecret("config", "/etc/site.conf", 0, 0, 0o444),
    )
    assert (service.lent, service.mounts[0].mode) == ("django", 0o700)
    adapter = TypeAdapter(Facts)
    assert adapter.validate_python(adapter.dump_python(facts, mode="json")) == facts


def test_case_71_no_argument_environment_or_driver_option_stays_in_the_facts():
    facts = parse(printed_output(ACTIVE, [], OWN, [], [SPEC]), ())
    assert b"hunter2" not in TypeAdapter(Facts).dump_json(facts)


def test_a_worker_tells_of_itself_only():
    assert parse(printed_output({**ACTIVE, "ControlAvailable": False}, [], OWN), ()).swarm == "worker"


@pytest.mark.parametrize("state", ["pending", "locked", "error"])
def test_a_swarm_in_between_is_unobservable(state):
    with pytest.raises(Unobservable, match=state):
        parse(printed_output({"LocalNodeState": state}, []), ())


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_an_answer_that_was_cut_short_is_unobservable(missing):
    with pytest.raises(Unobservable):
        parse(printed_output(*[ACTIVE, [], OWN, [], [SPEC]][:-missing]), ())


@given(st.integers(0, 10**4))
def test_an_answer_cut_at_any_byte_is_unobservable_or_whole(cut):
    whole = printed_output(ACTIVE, [], OWN, [], [SPEC])
    cut = min(cut, len(whole) - 1)
    with pytest.raises(Unobservable):
        parse(whole[:cut], ())


def test_a_node_without_docker_is_in_no_swarm():
    looking = services.observe.observe(Node(name="x", address="192.0.2.1"), Inventory.model_construct())
    next(looking)
    with pytest.raises(StopIteration) as done:
        looking.send([Output(69, command="docker service inspect"), Output(0)])
    assert done.value.value == Facts("absent")


def test_facts_survive_recording():
    adapter = TypeAdapter(Facts)
    facts = Facts("manager", "n1", MEMBERS, (POSTGRES,), (RUNS,), (Volume("v"),), ("/srv",))
    assert adapter.validate_python(adapter.dump_python(facts, mode="json")) == facts


# Update settings that were lent


OWN = {"Order": "start-first", "FailureAction": "rollback", "Parallelism": 1, "MaxFailureRatio": 0}
UPDATES = st.fixed_dictionaries(
    {},
    optional={
        "Order": st.sampled_from(["", "start-first", "stop-first"]),
        "FailureAction": st.sampled_from(["", "pause", "continue", "rollback"]),
        "Parallelism": st.integers(0, 3),
        "Delay": st.sampled_from([0, 10**10]),
        "Monitor": st.sampled_from([0, 5 * 10**9]),
        "MaxFailureRatio": st.sampled_from([0, 0.5]),
    },
)


def inspected_json(updates: Any, label: str | None) -> SwarmService:
    labels = {"a": "b"} if label is None else {"a": "b", OWN_UPDATES: label}
    spec = {"Name": "rodan_postgres", "Labels": labels, "TaskTemplate": {"ContainerSpec": {"Image": "a"}}}
    return observe_service({"ID": "s1", "Spec": {**spec, "UpdateConfig": updates}})


def lent(service: SwarmService | None, **more: Any) -> Verdict:
    return judge_subject(
        RULES["have_their_own_settings"], example_fleet(TASK, told=service, **more), Subject("service", "postgres")
    )


def test_a_service_that_a_killed_change_has_left_with_our_settings_is_found_and_noted_whatever_is_asked():
    left = inspected_json({**OWN, **CAREFUL}, json.dumps(OWN))
    [match] = lent(left).findings
    assert "has fleetkeeper's update settings" in match.saw
    assert "rodan_postgres has fleetkeeper's update settings" in " ".join(drift.notes(example_fleet(TASK, told=left)))


def test_settings_that_somebody_has_set_over_ours_leave_a_label_to_take_away():
    assert inspected_json(OWN, json.dumps(OWN)).lent_updates == "changed"
    [match] = lent(inspected_json({**OWN, **CAREFUL, "Parallelism": 3}, json.dumps(OWN))).findings
    assert "somebody has given it other update settings since" in match.saw


@pytest.mark.parametrize(
    "label", ["", "{", "[]", "null", '"x"', "1e999", "[" * 3000, '{"Order": "\u202e"}', '{"Order": []}']
)
def test_a_label_that_we_never_wrote_is_never_believed(label: str):
    assert inspected_json({"Order": "stop-first"}, label).lent_updates == "changed"


def test_a_service_without_the_label_has_its_own_settings():
    assert lent(inspected_json(OWN, None)).outcome is Outcome.HOLDS
    assert lent(inspected_json(None, None)).outcome is Outcome.HOLDS
    assert list(drift.notes(example_fleet(TASK))) == []


def test_while_the_swarm_was_not_seen_nobody_knows_whether_settings_were_left():
    dark = Unobservable("dark")
    assert lent(None, manager_services=dark).outcome is Outcome.UNKNOWN
    assert lent(None, vgpu_services=dark).outcome is Outcome.UNKNOWN


@given(own=UPDATES)
def test_the_label_of_ours_is_known_for_ours_however_the_engine_writes_the_settings(own: dict[str, Any]):
    ours = {**own, **CAREFUL}
    written = {"Parallelism": 0, "MaxFailureRatio": 0, **{key: value for key, value in ours.items() if value}}
    assert inspected_json(written, json.dumps(own)).lent_updates == "lent"


# Tasks that end and come back


def ends(*ages: float, state: str = "failed", error: str = "task: non-zero exit (1)", slot: str = "1") -> list[Task]:
    return [Task("rodan_postgres", "vgpu", "shutdown", state, error, slot, age) for age in ages]


def running_in(slot: str = "1", age: float = 10.0) -> Task:
    return Task("rodan_postgres", "vgpu", "running", "running", "", slot, age)


def test_a_task_that_dies_and_comes_back_over_and_over_is_a_finding_with_its_last_error():
    [match] = is_running(TASK, tasks=(running_in(), *ends(12, 40, 75))).findings
    assert match.saw == "rodan_postgres.1 ended by itself 3 times in the last 1 min 15 s, the last with: task: " + (
        "non-zero exit (1)"
    )
    assert match.node == "vgpu"


def test_between_two_tries_the_loop_is_told_once_and_not_as_one_that_is_missing():
    starts = Task("rodan_postgres", "vgpu", "ready", "ready", "", "1", 2)
    [match] = is_running(tasks=(starts, *ends(3, 40, 75))).findings
    assert "ended by itself 3 times" in match.saw


@pytest.mark.parametrize(
    "ended",
    [
        ends(12, 40),
        ends(900, 905, 910),
        ends(12, 90_000, 180_000),
        ends(12, 40, 75, state="shutdown", error=""),
        [*ends(12, slot="1"), *ends(14, slot="2"), *ends(16, slot="3")],
    ],
    ids=["twice", "at the start, and then it came up", "once a day", "a rolling update", "one each of three replicas"],
)
def test_what_is_no_loop_is_no_finding(ended):
    replicas = Service(key="postgres", name="rodan_postgres", replicas=1)
    tasks = (running_in(), *(running_in(slot) for slot in "23"), *ended)
    assert is_running(TASK, tasks=tasks, service=replicas).outcome is Outcome.HOLDS


@pytest.mark.parametrize(("ages", "loops"), [((600, 2100, 3600), True), ((7200, 14_400, 21_600), True)])
def test_a_task_that_dies_every_half_hour_or_every_two_hours_is_a_loop_too(ages, loops):
    assert bool(is_running(TASK, tasks=(running_in(), *ends(*ages))).findings) is loops


def test_a_good_end_counts_only_where_it_is_not_meant():
    tasks = (running_in(), *ends(12, 40, 75, state="complete", error=""))
    assert "the last is complete" in is_running(TASK, tasks=tasks).findings[0].saw
    hourly = replace(POSTGRES, restart_delay=3600.0)
    assert is_running(TASK, tasks=tasks, told=hourly).outcome is Outcome.HOLDS


def test_a_slot_that_nobody_wants_any_more_is_no_loop():
    assert is_running(TASK, tasks=(running_in("1"), *ends(12, 40, 75, slot="2"))).outcome is Outcome.HOLDS


# Constraints that nobody meets


def test_the_constraint_that_no_member_meets_is_named_with_who_nearly_fits():
    told = replace(POSTGRES, constraints=("node.labels.queue == GPU2", "node.hostname == vgpu"))
    waits = Task("rodan_postgres", "", "running", "pending", "no suitable node (scheduling constraints not satisfied)")
    [match] = is_running(told=told, tasks=(waits,)).findings
    assert "no member meets `node.labels.queue == GPU2` (vgpu meets the others)" in match.saw
    assert "--label-add queue=GPU2 vgpu" in match.hint


def test_where_the_only_member_that_fits_is_drained_that_is_said():
    members = (*MEMBERS[:2], replace(MEMBERS[2], availability="drain"))
    waits = Task("rodan_postgres", "", "running", "pending", "no suitable node")
    manager = Facts("manager", "n1", members, (POSTGRES,), (waits,))
    [match] = is_running(manager_services=manager).findings
    assert "only vgpu (drain) may run it" in match.saw


def test_one_error_is_told_once():
    error = "No such image: x"
    tasks = (Task("rodan_postgres", "vgpu", "running", "rejected", error), *ends(5, state="rejected", error=error))
    [match] = is_running(tasks=tasks).findings
    assert match.saw.count(error) == 1


# Members


def members_judged(*members: Member, tasks: tuple[Task, ...] = (RUNS,), **more: Any) -> Verdict:
    manager = Facts("manager", "n1", members or MEMBERS, (POSTGRES,), tasks)
    fleet = example_fleet(TASK, **{"manager_services": manager, **more})
    return judge_subject(RULES["can_run_on_every_member"], fleet, Subject("fleet", "lab"))


def test_a_swarm_whose_members_are_all_listed_ready_and_active_holds():
    verdict = members_judged()
    assert (verdict.outcome, verdict.warnings) == (Outcome.HOLDS, ())


def test_a_member_that_the_inventory_does_not_list_is_a_finding_with_what_runs_there():
    strange = (Task("miner", "old-gpu", "running", "running"), Task("gone", "old-gpu", "shutdown", "shutdown"))
    [match] = members_judged(*MEMBERS, Member("n9", "old-gpu"), tasks=(RUNS, *strange)).findings
    assert match.saw == "old-gpu is a member of the swarm that the inventory does not list: there run miner"


def test_an_unlisted_member_on_which_nothing_runs_is_a_warning():
    verdict = members_judged(*MEMBERS, Member("n9", "old-gpu"))
    assert (verdict.outcome, len(verdict.warnings)) == (Outcome.HOLDS, 1)


def test_an_old_entry_of_a_node_that_joined_again_is_a_warning_and_takes_the_tasks_of_nobody():
    verdict = members_judged(*MEMBERS, Member("n9", "vgpu", state="down"))
    assert verdict.findings == ()
    assert "vgpu (n9), which the inventory does not list, is down" in verdict.warnings[0].saw


@pytest.mark.parametrize(
    ("change", "words", "severity"),
    [
        ({"state": "down"}, "it is down for the swarm", "error"),
        ({"availability": "pause"}, "it takes no tasks (paused)", "error"),
        ({"availability": "drain"}, "it takes no tasks (drained)", "warning"),
        ({"role": "manager", "reachability": "unreachable"}, "the other managers do not reach it", "error"),
    ],
)
def test_a_listed_member_that_takes_no_tasks_is_told_on_its_node(change, words, severity):
    verdict = members_judged(MEMBERS[0], replace(MEMBERS[1], **change), MEMBERS[2])
    [match] = (*verdict.findings, *verdict.warnings)
    assert (match.saw, match.node, match.severity) == (words, "data", severity)


def test_a_member_whose_node_could_not_be_asked_is_unknown_and_no_stranger():
    silent = Unobservable("Cannot connect to the Docker daemon", node="data")
    verdict = members_judged(
        MEMBERS[0], replace(MEMBERS[1], state="down"), MEMBERS[2], data_services=silent, data_containers=silent
    )
    assert (verdict.outcome, verdict.findings, verdict.warnings) == (Outcome.UNKNOWN, (), ())
    renamed = replace(MEMBERS[1], hostname="ip-10-0-0-7")
    assert members_judged(MEMBERS[0], renamed, MEMBERS[2], data_services=silent).findings == ()


def test_without_a_swarm_the_rule_does_not_apply_and_with_workers_alone_it_is_unknown():
    none = {f"{node}_services": Facts("inactive") for node in ("manager", "data", "vgpu")}
    assert members_judged(**none).outcome is Outcome.NOT_APPLICABLE
    workers = {f"{node}_services": Facts("worker", node) for node in ("manager", "data", "vgpu")}
    assert members_judged(**workers).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("left", "words"), [(60, ""), (14, ""), (13, "ends in 13 d"), (1, "ends in 1 d"), (-1, "has ended")]
)
def test_a_certificate_that_was_not_renewed_in_its_time_is_a_finding(left, words):
    day = 86400.0
    held = Facts("worker", "n2", certificate=Validity(NOW - (90 - left) * day, NOW + left * day))
    matches = members_judged(data_services=held).findings
    assert [words in match.saw and match.node for match in matches] == (["data"] if words else [])


def test_a_certificate_is_read_as_the_node_prints_it_and_a_damaged_one_is_unknown():
    pem = (Path(__file__).parents[3] / "fixtures" / "lab-ca.pem").read_text()
    shown = {"NodeCertificate": pem.replace("\n", " ")}
    worker = {**ACTIVE, "ControlAvailable": False}
    read = parse(printed_output(worker, [], shown), ()).certificate
    assert isinstance(read, Validity)
    assert read.begins < read.ends
    assert parse(printed_output(worker, [], OWN), ()).certificate is None
    cut = parse(printed_output(worker, [], {"NodeCertificate": pem[:200].replace("\n", " ")}), ())
    assert isinstance(cut.certificate, Unobservable)
    assert members_judged(data_services=replace(cut, swarm="worker", node_id="n2")).outcome is Outcome.UNKNOWN


# The order of a database's updates


def stops_first(**changed: Any) -> Verdict:
    fleet = example_fleet(TASK, **changed)
    return judge_subject(RULES["database_stops_first"], fleet, Subject("service", "postgres"))


def test_a_database_whose_next_task_starts_before_the_old_one_ends_is_a_finding():
    assert stops_first().outcome is Outcome.HOLDS
    [match] = stops_first(told=replace(POSTGRES, order="start-first")).findings
    assert match.want == "`order: stop-first`"


def test_without_data_on_a_disk_or_without_a_swarm_the_order_does_not_matter():
    assert stops_first(told=replace(POSTGRES, order="start-first", mounts=())).outcome is Outcome.HOLDS
    none = {f"{node}_services": Facts("inactive") for node in ("manager", "data", "vgpu")}
    assert stops_first(**none).outcome is Outcome.NOT_APPLICABLE
    assert stops_first(told=None, data_services=Unobservable("dark")).outcome is Outcome.UNKNOWN
