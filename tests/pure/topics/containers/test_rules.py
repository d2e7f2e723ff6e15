"""Containers: what the engine and /proc say becomes facts, and users are judged by process."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Node, Service, Without
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import Outcome, Verdict, judge_subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics import containers
from fleetkeeper.topics.containers import account_files, observe, parse, process_scan
from fleetkeeper.topics.containers.facts import Container, Facts, Isolation, Mount, Process
from fleetkeeper.transport.commands import Output, Unobservable

FIXTURES = Path(__file__).parents[3] / "fixtures" / "docker"
SWARM = "com.docker.swarm.service.name"
ID = "4f" * 32
RULES = {rule.name: rule for rule in containers.TOPIC.rules}
ACCOUNTS = {"root": 0, "toor": 0, "www-data": 33, "django": 4000, "postgres": 999}
EMPTY = Inventory.model_construct(services=Without(none="nothing here"))
WHOLE = ((0, 0, 4294967295),)
REMAPPED = ((0, 100000, 65536),)
ROOTLESS = ((0, 1000, 1), (1, 100000, 65536))


def make_process(uid: int, pid: int = 7, name: str = "app", parent: int = 1, **more: Any) -> Process:
    return Process(pid=pid, uid=uid, host_uid=more.pop("host_uid", uid), name=name, parent=parent, **more)


def make_container(*processes: Process, service: str = "rodan_web", **more: Any) -> Container:
    first = processes[0].pid if processes else 0
    known_value = {"id": ID, "name": f"{service}.1.x7k", "labels": {SWARM: service}, "pid": first, "accounts": ACCOUNTS}
    return Container(**{**known_value, "processes": processes, **more})


GOOD = make_container(
    make_process(4000, pid=7, no_new_privileges=True),
    make_process(4000, pid=8, parent=7, no_new_privileges=True),
    user="django",
)
WEB = Service(key="web", name="rodan_web", user=("django",))


def verdict_on(
    rule: str, *match: Container, service: Service = WEB, subject: Subject | None = None, **others: Any
) -> Verdict:
    seen = {"vgpu": Facts("present", match), **others}
    inventory = Inventory.model_construct(
        name="lab",
        nodes={name: Node(name=name, address="192.0.2.13") for name in seen},
        services={"web": service},
        waivers=(),
    )
    fleet = Fleet(inventory, datetime.now(UTC), {(name, "containers"): facts for name, facts in seen.items()})
    return judge_subject(RULES[rule], fleet, subject or Subject("service", "web"))


def runs_as(*match: Container, **more: Any) -> Verdict:
    return verdict_on("run_as_their_own_user", *match, **more)


def on_the_node(rule: str, *match: Container, **more: Any) -> Verdict:
    return verdict_on(rule, *match, subject=Subject("node", "vgpu"), **more)


# As whom a service runs


def test_a_service_whose_every_process_is_its_own_user_holds():
    assert runs_as(GOOD).outcome is Outcome.HOLDS


def test_an_image_that_drops_its_privileges_itself_is_right_whatever_inspect_says():
    assert runs_as(replace(GOOD, user="")).outcome is Outcome.HOLDS


def test_one_process_as_root_is_a_finding_that_names_it():
    [match] = runs_as(make_container(make_process(4000), make_process(0, pid=9, name="helper", parent=7))).findings
    assert "helper as root (uid 0)" in match.saw
    assert "every process as django" in match.want
    assert match.node == "vgpu"


@pytest.mark.parametrize(
    ("age", "outcome"),
    [(0.0, Outcome.UNKNOWN), (0.9, Outcome.UNKNOWN), (1.0, Outcome.FINDING), (-1.0, Outcome.FINDING)],
)
def test_root_in_the_first_second_of_a_container_is_unknown_and_later_a_finding(age: float, outcome: Outcome) -> None:
    """An image may start as root to make its volumes its user's; a clock that was set back makes nothing young."""
    started = datetime(2026, 11, 30, 12, tzinfo=UTC)
    clock, started_at = started.timestamp() + age, "2026-11-30T12:00:00.000000000Z"
    first = make_container(make_process(0), started_at=started_at)
    assert runs_as(vgpu=Facts("present", (first,), clock)).outcome is outcome
    unmentioned = Facts("present", (stranger(make_process(0), started_at=started_at),), clock)
    assert on_the_node("run_as_their_own_user", vgpu=unmentioned).outcome is outcome
    right = Facts("present", (replace(GOOD, started_at=started_at),), clock)
    assert runs_as(vgpu=right).outcome is Outcome.HOLDS
    other = make_container(make_process(33), started_at=started_at)
    assert runs_as(vgpu=Facts("present", (other,), clock)).outcome is Outcome.FINDING


@pytest.mark.parametrize("user", ["0:0", "root:root", "00", "toor", "root", ""])
def test_case_60_however_root_is_written_its_processes_are_found(user):
    assert runs_as(make_container(make_process(0), user=user)).outcome is Outcome.FINDING


def test_case_60_a_root_master_with_unprivileged_workers_is_judged_by_policy():
    nginx = make_container(make_process(0, name="nginx"), make_process(33, pid=8, name="nginx", parent=7))
    workers = Service(key="web", name="rodan_web", user=("www-data",))
    assert runs_as(nginx, service=workers).outcome is Outcome.FINDING
    assert runs_as(nginx, service=workers.model_copy(update={"master": "root"})).outcome is Outcome.HOLDS


NGINX = Service(key="web", name="rodan_web", user=("www-data",), master="root")


def test_a_master_behind_an_init_process_is_a_master_too():
    tini = (
        make_process(0, name="tini"),
        make_process(0, pid=8, name="nginx", parent=7),
        make_process(33, pid=9, parent=8),
    )
    assert runs_as(make_container(*tini), service=NGINX).outcome is Outcome.HOLDS


def test_a_root_worker_is_no_master():
    workers = (
        make_process(0, name="nginx"),
        make_process(33, pid=8, parent=7),
        make_process(0, pid=9, name="nginx", parent=7),
    )
    assert runs_as(make_container(*workers), service=NGINX).outcome is Outcome.FINDING


def test_a_root_process_without_any_worker_is_no_master():
    assert runs_as(make_container(make_process(0, name="nginx")), service=NGINX).outcome is Outcome.FINDING


def test_a_health_check_or_a_visit_by_docker_exec_is_not_the_service():
    visited = make_container(make_process(4000), make_process(0, pid=9, name="pg_isready", parent=2, entered=True))
    assert runs_as(visited).outcome is Outcome.HOLDS


def test_case_61_a_remapped_user_is_judged_as_the_container_sees_it():
    assert runs_as(make_container(make_process(4000, host_uid=104000))).outcome is Outcome.HOLDS


def test_case_61_a_root_that_is_nobody_on_the_node_is_only_a_warning_in_a_service():
    seen = runs_as(make_container(make_process(0, host_uid=100000)))
    assert seen.outcome is Outcome.HOLDS
    assert "on the node 100000" in seen.warnings[0].saw


def test_a_user_that_the_image_does_not_have_is_named():
    [match] = runs_as(make_container(make_process(0), accounts={"root": 0})).findings
    assert "no user django" in match.hint


def test_case_60_a_user_of_the_policy_that_is_uid_0_in_the_image_is_root_all_the_same():
    forged = make_container(make_process(0), accounts={"root": 0, "django": 0}, user="django")
    [match] = runs_as(forged).findings
    assert "django is uid 0, another name for root" in match.hint
    assert runs_as(forged, service=WEB.model_copy(update={"user": ("root",)})).outcome is Outcome.HOLDS
    assert runs_as(forged, service=WEB.model_copy(update={"user": ("0",)})).outcome is Outcome.HOLDS


def test_a_user_by_number_needs_no_account_and_no_passwd_file():
    scratch = make_container(make_process(4000), accounts={})
    assert runs_as(scratch, service=WEB.model_copy(update={"user": ("4000",)})).outcome is Outcome.HOLDS
    assert runs_as(make_container(make_process(0), accounts={})).outcome is Outcome.FINDING


def test_a_service_that_is_meant_to_run_nowhere_is_not_judged_and_one_that_does_is():
    none = WEB.model_copy(update={"replicas": 0})
    assert runs_as(service=none).outcome is Outcome.NOT_APPLICABLE
    assert runs_as(make_container(make_process(0)), service=none).outcome is Outcome.FINDING
    assert runs_as(service=none, data=Unobservable("no route to host")).outcome is Outcome.UNKNOWN


def test_users_may_be_named_by_number_when_the_accounts_cannot_be_read():
    hidden = replace(GOOD, accounts=Unobservable("not permitted"))
    assert runs_as(hidden).outcome is Outcome.UNKNOWN
    assert runs_as(hidden, service=WEB.model_copy(update={"user": ("4000",)})).outcome is Outcome.HOLDS


def test_processes_that_could_not_be_seen_are_unknown():
    [why] = runs_as(replace(GOOD, processes=Unobservable("hidden"))).unknown
    assert "rodan_web.1.x7k" in why.why


def test_a_dead_node_does_not_hide_a_finding_elsewhere():
    seen = runs_as(make_container(make_process(0)), data=Unobservable("no route to host"))
    assert seen.outcome is Outcome.FINDING
    assert seen.unknown


def test_a_service_that_runs_nowhere_cannot_be_judged_and_the_message_says_what_it_does_instead():
    looping = make_container(state="restarting", exit_code=1, restarts=7)
    [why] = runs_as(looping).unknown
    assert "ends with status 1 and is started again (7 times so far)" in why.why


@pytest.mark.parametrize("state", ["created", "restarting", "removing", "exited", "dead", "a new word"])
def test_a_container_without_processes_is_never_judged_as_right(state):
    assert runs_as(make_container(state=state)).outcome is Outcome.UNKNOWN


def test_a_paused_container_is_still_judged_by_its_processes():
    assert runs_as(make_container(make_process(0), state="paused")).outcome is Outcome.FINDING


# Containers that the inventory does not mention


def stranger(*processes: Process, **more: Any) -> Container:
    return make_container(*processes, service="redis", **more)


def test_a_container_that_nobody_declared_may_not_run_as_root():
    [match] = on_the_node("run_as_their_own_user", GOOD, stranger(make_process(0, name="redis-server"))).findings
    assert "redis-server as root" in match.saw
    assert match.about == "redis"


def test_a_container_that_nobody_declared_may_be_anybody_else():
    assert on_the_node("run_as_their_own_user", stranger(make_process(999))).outcome is Outcome.HOLDS


def test_case_61_root_of_a_rootless_engine_is_no_root():
    assert on_the_node("run_as_their_own_user", stranger(make_process(0, host_uid=1000))).outcome is Outcome.HOLDS


def test_a_drill_of_our_own_is_let_be_only_while_it_is_cut_off_from_every_network():
    drill = stranger(make_process(0), labels={"fleetkeeper": "drill"}, isolation=Isolation(network="none"))
    assert on_the_node("run_as_their_own_user", drill).outcome is Outcome.HOLDS
    connected = replace(drill, isolation=Isolation(network="host"))
    assert on_the_node("run_as_their_own_user", connected).outcome is Outcome.FINDING


def test_a_stranger_whose_processes_were_not_seen_is_unknown():
    hidden = stranger(make_process(5), processes=Unobservable("hidden"))
    assert on_the_node("run_as_their_own_user", hidden).outcome is Outcome.UNKNOWN


def test_a_node_without_docker_is_skipped_with_the_reason():
    seen = verdict_on("run_as_their_own_user", subject=Subject("node", "data"), data=Facts("absent"))
    assert seen.outcome is Outcome.NOT_APPLICABLE
    assert "no Docker" in seen.not_applicable


# As whom one enters


def enters(*match: Container) -> Verdict:
    return verdict_on("enter_as_their_own_user", *match)


def test_entering_as_the_service_s_user_holds():
    assert enters(GOOD).outcome is Outcome.HOLDS
    assert not enters(GOOD).warnings


@pytest.mark.parametrize("user", ["", "0", "00", "0:0", "root", "root:root", "toor", "0:33"])
def test_case_60_entering_as_root_is_a_warning_however_it_is_written(user):
    [match] = enters(replace(GOOD, user=user)).warnings
    assert match.severity == "warning"


def test_an_entry_that_depends_on_accounts_nobody_could_read_is_unknown():
    hidden = Unobservable("not permitted")
    assert enters(replace(GOOD, user="django", accounts=hidden)).outcome is Outcome.UNKNOWN
    assert enters(replace(GOOD, user="4000", accounts=hidden)).outcome is Outcome.HOLDS


def test_case_61_entering_a_remapped_container_as_root_is_no_finding():
    assert not enters(make_container(make_process(999, host_uid=100999), user="0")).warnings


# Ways out


def ways(changed: Container) -> list[tuple[str, str]]:
    seen = on_the_node("cannot_gain_privileges", changed)
    return [(match.severity, match.want) for match in (*seen.findings, *seen.warnings)]


def test_a_container_that_is_kept_apart_has_no_way_out():
    assert ways(GOOD) == []


@pytest.mark.parametrize(
    ("isolation", "cis"),
    [
        (Isolation(privileged=True), "5.5"),
        (Isolation(cap_add=("SYS_ADMIN",)), "5.4"),
        (Isolation(cap_add=("SYS_MODULE",)), "5.4"),
        (Isolation(cap_add=("SYS_PTRACE",)), "5.4"),
        (Isolation(cap_add=("DAC_READ_SEARCH",)), "5.4"),
        (Isolation(cap_add=("ALL",)), "5.4"),
        (Isolation(network="host"), "5.10"),
        (Isolation(pid="host"), "5.16"),
        (Isolation(ipc="host"), "5.17"),
        (Isolation(uts="host"), "5.21"),
        (Isolation(userns="host", engine_maps=True), "5.31"),
        (Isolation(security_opt=("seccomp=unconfined",)), "5.22"),
        (Isolation(security_opt=("seccomp:unconfined",)), "5.22"),
        (Isolation(security_opt=("apparmor=unconfined",)), "5.2"),
        (Isolation(security_opt=("label=disable",)), "5.3"),
        (Isolation(devices=("/dev/sda",)), "5.18"),
        (Isolation(devices=("/dev/nvme0n1",)), "5.18"),
        (Isolation(device_rules=("a *:* rwm",)), "5.18"),
        (Isolation(device_rules=("b 8:* rwm",)), "5.18"),
    ],
)
def test_each_way_out_is_an_error_with_its_id_of_the_benchmark(isolation, cis):
    [(severity, want)] = ways(replace(GOOD, isolation=isolation))
    assert severity == "error"
    assert want.endswith(f"(CIS Docker {cis})")


@pytest.mark.parametrize(
    ("mount", "cis"),
    [
        (Mount("bind", "/var/run/docker.sock", "/var/run/docker.sock"), "5.32"),
        (Mount("bind", "/run/docker.sock", "/sock", rw=False), "5.32"),
        (Mount("bind", "/", "/host"), "5.6 and 5.32"),
        (Mount("bind", "/run", "/host", rw=False), "5.6 and 5.32"),
        (Mount("bind", "/etc", "/host", rw=False, engine=True), "5.6 and 5.32"),
        (Mount("bind", "/etc/", "/x"), "5.6"),
        (Mount("bind", "/etc/cron.d", "/x"), "5.6"),
        (Mount("bind", "/root/.ssh/authorized_keys", "/x"), "5.6"),
        (Mount("bind", "/home/ops/.ssh", "/x"), "5.6"),
        (Mount("bind", "/var/lib/docker/volumes", "/x"), "5.6"),
        (Mount("bind", "/dev/sda1", "/x"), "5.6"),
        (Mount("bind", "/proc/sys/kernel/core_pattern", "/x"), "5.6"),
    ],
)
def test_sensitive_mounts_are_errors(mount, cis):
    [(severity, want)] = ways(replace(GOOD, mounts=(mount,)))
    assert (severity, want.endswith(f"(CIS Docker {cis})")) == ("error", True)


def test_the_node_s_own_directories_only_to_be_read_are_a_warning():
    assert [severity for severity, _ in ways(replace(GOOD, mounts=(Mount("bind", "/etc", "/x", rw=False),)))] == [
        "warning"
    ]


@pytest.mark.parametrize(
    "mount",
    [
        Mount("volume", "/var/lib/docker/volumes/d/_data", "/d"),
        Mount("bind", "/srv", "/s"),
        Mount("bind", "/etc/passwd", "/etc/passwd", rw=False),
        Mount("bind", "/home/ops/site", "/s"),
    ],
)
def test_volumes_and_directories_made_for_it_are_fine(mount):
    assert ways(replace(GOOD, mounts=(mount,))) == []


def test_a_label_that_docker_drops_by_itself_is_not_said_twice():
    [(_, want)] = ways(replace(GOOD, isolation=Isolation(pid="host", security_opt=("label=disable",))))
    assert want.endswith("(CIS Docker 5.16)")


def test_single_character_devices_may_be_allowed():
    assert ways(replace(GOOD, isolation=Isolation(device_rules=("c 195:* rmw",), devices=("/dev/nvidia0",)))) == []


def test_ordinary_capabilities_are_fine():
    assert ways(replace(GOOD, isolation=Isolation(cap_add=("NET_BIND_SERVICE", "CHOWN")))) == []


def test_missing_no_new_privileges_is_a_warning_and_the_kernel_has_the_last_word():
    question = Isolation(security_opt=("no-new-privileges:true",))
    without = make_container(make_process(4000, no_new_privileges=False))
    assert [severity for severity, _ in ways(without)] == ["warning"]
    assert [severity for severity, _ in ways(replace(without, isolation=question))] == ["warning"]
    assert ways(make_container(make_process(4000, no_new_privileges=None), isolation=question)) == []
    assert ways(make_container(state="created", isolation=question)) == []
    assert [severity for severity, _ in ways(make_container(state="created"))] == ["warning"]


def test_what_is_wanted_of_a_swarm_service_is_what_a_swarm_takes():
    task = make_container(make_process(4000, no_new_privileges=False))
    [(_, want)] = ways(task)
    assert "daemon.json" in want
    assert not want.startswith("`security_opt")
    [(_, alone)] = ways(replace(task, labels={}))
    assert alone.startswith("`security_opt: [no-new-privileges:true]`")


@pytest.mark.parametrize(("place", "maps"), [("/var/lib/docker/100000.100000", True), ("/var/lib/docker", False)])
def test_the_node_s_users_are_only_shared_where_the_engine_would_map_them(place, maps):
    host = {**inspected_json()["HostConfig"], "UsernsMode": "host"}
    moved = inspected_json(HostConfig=host, ResolvConfPath=f"{place}/containers/{ID}/resolv.conf", GraphDriver={})
    isolation = parse.parse_container(moved).isolation
    assert isolation.engine_maps is maps
    assert [want for _, want in ways(replace(GOOD, isolation=isolation)) if "5.31" in want] == (
        ["a userns namespace of its own (CIS Docker 5.31)"] if maps else []
    )


def test_a_stopped_container_is_judged_and_an_ended_task_of_the_swarm_is_not():
    stopped = make_container(state="exited", isolation=Isolation(privileged=True))
    assert ways(stopped) == []
    assert [severity for severity, _ in ways(replace(stopped, labels={}))] == ["error", "warning"]


# What the engine prints


def inspected_json(**changes: Any) -> dict[str, Any]:
    [item] = json.loads((FIXTURES / "inspect-20.10.json").read_text())
    return {**item, **changes}


@pytest.mark.parametrize("file", sorted(FIXTURES.glob("inspect-*.json")), ids=lambda file: file.stem)
def test_case_64_engines_from_20_10_to_29_are_understood(file):
    [item] = parse.parse_containers(file.read_text())
    assert item.belongs_to("rodan_postgres")
    assert (item.state, item.health, item.running, item.has_healthcheck) == ("running", "healthy", True, True)
    assert item.pid > 0
    assert {mount.destination for mount in item.mounts} == {"/var/lib/postgresql/data", "/backups"}
    assert not item.isolation.privileged


@pytest.mark.parametrize("file", sorted(FIXTURES.glob("inspect-*.json")), ids=lambda file: file.stem)
def test_case_71_no_value_of_the_environment_stays_in_the_facts(file):
    assert "lab-only-password" in file.read_text()
    saved = TypeAdapter(Facts).dump_json(Facts("present", parse.parse_containers(file.read_text())))
    assert b"lab-only-password" not in saved


def test_labels_that_are_not_docker_s_own_are_not_kept():
    config = {"Labels": {SWARM: "rodan_web", "traefik.auth": "admin:secret"}}
    assert parse.parse_container(inspected_json(Config=config)).labels == {SWARM: "rodan_web"}


def drop_somewhere(document: Any, path: tuple[int, ...]) -> Any:
    """The document without the value that the path leads to, counted modulo its size at every level."""
    if not path or not isinstance(document, dict) or not document:
        return None
    keys = sorted(document)
    key = keys[path[0] % len(keys)]
    rest = {k: v for k, v in document.items() if k != key}
    return rest if len(path) == 1 else {**rest, key: drop_somewhere(document[key], path[1:])}


@given(st.lists(st.integers(0, 200), min_size=1, max_size=3).map(tuple))
def test_case_64_any_missing_field_is_tolerated(path):
    without = drop_somewhere(inspected_json(), path)
    if without and without.get("Id"):
        parse.parse_containers(json.dumps([without]))


@pytest.mark.parametrize("printed", ["", "[", "null", "{}", "[1]", '[{"Name": "/x"}]'])
def test_garbage_from_the_engine_is_unobservable(printed):
    with pytest.raises(Unobservable):
        parse.parse_containers(printed)


# What /proc says


def scanned(*lines: str) -> Output:
    return Output(0, "".join(line + "\n" for line in lines).encode(), command="scan of /proc")


def shown_text(
    pid: int, uid: int, cgroup: str, extents: Any = WHOLE, *, parent: int = 1, state: str = "S (sleeping)", **more: Any
) -> list[str]:
    status = {"Name": "app", "State": state, "PPid": parent, "Uid": f"{uid}\t{uid}\t{uid}\t{uid}", "NoNewPrivs": 0}
    status |= more
    return [
        *(f"/proc/{pid}/status:{key}:\t{value}" for key, value in status.items()),
        *(f"/proc/{pid}/uid_map:{inside:10d} {outside:10d} {count:10d}" for inside, outside, count in extents),
        f"/proc/{pid}/cgroup:{cgroup}",
    ]


def uids(*lines: str, pid: int = 7, **more: Any) -> list[int | None]:
    item = make_container(service="db", pid=pid, processes=(), **more)
    [joined] = process_scan.join_processes([item], process_scan.by_container(scanned(*lines), [item]), {})
    return [seen.uid for seen in joined.processes] if isinstance(joined.processes, tuple) else ["unseen"]


@pytest.mark.parametrize(
    "cgroup",
    [
        f"0::/system.slice/docker-{ID}.scope",
        f"0::/docker/{ID}",
        f"12:pids:/docker/{ID}",
        f"12:pids:/docker/{'ab' * 32}/docker/{ID}",
        f"0::/../../docker/{ID}",
        f"0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{ID}.scope",
        f"0::/docker/{ID}/init.scope",
    ],
)
def test_a_process_is_joined_to_its_container_under_every_kind_of_control_group(cgroup):
    assert uids(*shown_text(7, 999, cgroup)) == [999]


def test_the_processes_of_an_engine_within_a_container_are_that_container_s():
    inner = f"0::/docker/{ID}/docker/{'cd' * 32}"
    assert uids(*shown_text(7, 0, f"0::/docker/{ID}"), *shown_text(8, 33, inner, parent=7)) == [0, 33]


def test_case_61_user_namespaces_are_translated():
    assert uids(*shown_text(7, 100999, f"0::/docker/{ID}", REMAPPED)) == [999]
    assert uids(*shown_text(7, 1000, f"0::/docker/{ID}", ROOTLESS)) == [0]
    assert uids(*shown_text(7, 100032, f"0::/docker/{ID}", ROOTLESS)) == [33]
    assert uids(*shown_text(7, 5, f"0::/docker/{ID}", REMAPPED)) == [None]


def test_a_process_that_can_become_root_again_at_any_time_is_root():
    cgroup = f"0::/docker/{ID}"
    assert uids(*shown_text(7, 33, cgroup, Uid="33\t33\t0\t33")) == [0]
    assert uids(*shown_text(7, 33, cgroup, Uid="0\t33\t33\t33")) == [0]
    assert uids(*shown_text(7, 33, cgroup, Uid="1000\t33\t33\t33")) == [33]


def test_a_namespace_that_a_browser_makes_for_its_own_children_makes_nobody_root():
    nested = shown_text(8, 1000, f"0::/docker/{ID}", ((0, 1000, 1),), parent=7)
    item = make_container(service="db", pid=7, processes=())
    seen = process_scan.by_container(scanned(*shown_text(7, 1000, f"0::/docker/{ID}"), *nested), [item])
    assert isinstance(seen, dict)
    assert [p.uid for p in seen[ID]] == [1000, 1000]
    assert not replace(item, processes=seen[ID]).remapped


def test_case_62_a_process_that_ends_while_it_is_read_is_translated_all_the_same():
    assert uids(*shown_text(7, 999, f"0::/docker/{ID}"), *shown_text(8, 999, f"0::/docker/{ID}", (), parent=7)) == [
        999,
        999,
    ]
    assert uids(*shown_text(7, 999, f"0::/docker/{ID}", ())) == ["unseen"]


def test_case_62_a_container_that_is_still_being_made_is_not_judged_by_the_runtime_s_own_process():
    assert uids(*shown_text(7, 0, f"0::/docker/{ID}", Name="runc:[2:INIT]")) == ["unseen"]


@pytest.mark.parametrize("name", ["runc:[x]", "runc:[2:INIT]", "runc:[2:INIT] "])
def test_a_process_of_the_container_hides_behind_no_name(name):
    cgroup = f"0::/docker/{ID}"
    below = shown_text(9, 0, cgroup, parent=8)
    assert uids(*shown_text(7, 33, cgroup), *shown_text(8, 0, cgroup, parent=7, Name=name), *below) == [33, 0, 0]


def test_who_is_let_in_by_the_runtime_is_none_of_the_container_s_own():
    cgroup = f"0::/docker/{ID}"
    item = make_container(service="db", pid=7, processes=())
    lines = [*shown_text(7, 33, cgroup), *shown_text(20, 0, cgroup, parent=2, Name="runc:[2:INIT]")]
    seen = process_scan.by_container(scanned(*lines), [item])
    assert isinstance(seen, dict)
    assert [p.pid for p in seen[ID] if not p.entered] == [7]
    assert uids(*lines, isolation=Isolation(pid="host")) == ["unseen"], "descent proves nothing there"


def test_a_process_whose_first_thread_has_ended_is_one_all_the_same():
    cgroup, zombie = f"0::/docker/{ID}", {"state": "Z (zombie)", "Threads": 2}
    assert uids(*shown_text(7, 33, cgroup), *shown_text(8, 0, cgroup, parent=7, **zombie)) == [33, 0]
    assert uids(*shown_text(7, 0, cgroup, **zombie)) == [0]


def test_a_zombie_is_no_process():
    assert uids(
        *shown_text(7, 999, f"0::/docker/{ID}"), *shown_text(8, 0, f"0::/docker/{ID}", (), state="Z (zombie)")
    ) == [999]


def test_case_62_a_container_that_ends_between_list_and_scan_is_unseen_and_no_crash():
    assert uids() == ["unseen"]
    assert uids(*shown_text(8, 0, f"0::/docker/{ID}")) == ["unseen"]


def test_a_process_that_came_in_with_docker_exec_is_told_apart():
    lines = [*shown_text(7, 999, f"0::/docker/{ID}"), *shown_text(8, 999, f"0::/docker/{ID}", parent=7)]
    lines += [*shown_text(20, 0, f"0::/docker/{ID}", parent=2), *shown_text(21, 0, f"0::/docker/{ID}", parent=20)]
    item = make_container(service="db", pid=7, processes=())
    seen = process_scan.by_container(scanned(*lines), [item])
    assert isinstance(seen, dict)
    assert [p.pid for p in seen[ID] if p.entered] == [20, 21]


def test_without_a_process_namespace_of_its_own_every_process_counts():
    lines = [*shown_text(7, 999, f"0::/docker/{ID}"), *shown_text(20, 0, f"0::/docker/{ID}", parent=1)]
    item = make_container(service="db", pid=7, processes=(), isolation=Isolation(pid="host"))
    seen = process_scan.by_container(scanned(*lines), [item])
    assert isinstance(seen, dict)
    assert not any(p.entered for p in seen[ID])


@given(st.text(alphabet=st.sampled_from("/proc0127status:Uid\tcgroup \n"), max_size=300))
def test_no_output_of_the_scan_breaks_its_reading(printed):
    with suppress(Unobservable):
        process_scan.parse_scan(printed)


@given(
    uid=st.integers(0, 2**32 - 2),
    extents=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**9), st.integers(1, 10**6)), max_size=3),
)
def test_a_translated_user_lies_in_one_of_the_extents(uid, extents):
    seen = process_scan.uid_inside(uid, extents)
    fitting = [(i, o, n) for i, o, n in extents if o <= uid < o + n]
    assert (seen is None) == (not fitting)
    assert seen is None or seen - fitting[0][0] == uid - fitting[0][1]


def test_no_container_can_speak_for_another_one_through_its_passwd_file():
    """What a file says is indented by the script, so a line `=9` in it cannot open the section of process 9."""
    answer = Output(0, b"=7\n =9\n evil:0\n\n=9\n postgres:999\n\n")
    assert account_files.parse_accounts(answer)[9] == {"postgres": 999}


def test_an_unreadable_passwd_names_the_missing_right():
    refused = account_files.parse_accounts(Output(0, b"=7\n!not permitted\n"))[7]
    assert isinstance(refused, Unobservable)
    assert "sudo: true" in refused.hint


def test_accounts_that_nobody_told_of_are_unobservable():
    [item] = process_scan.join_processes([make_container(make_process(0))], {}, {})
    assert isinstance(item.accounts, Unobservable)


# Looking


def look_at_node(*rounds: list[Output]) -> Facts:
    looking = observe.observe(Node(name="vgpu", address="192.0.2.13"), EMPTY)
    next(looking)
    for outputs in rounds:
        try:
            looking.send(outputs)
        except StopIteration as done:
            return done.value
    raise AssertionError("it asks for more")


def test_a_node_without_docker_has_no_containers():
    assert look_at_node([Output(69, command="docker inspect"), scanned()]) == Facts("absent")


def test_several_engines_are_unobservable():
    with pytest.raises(Unobservable, match="several"):
        look_at_node([Output(68, command="docker inspect"), scanned()])


def test_an_engine_without_a_client_is_unobservable_not_absent():
    with pytest.raises(Unobservable, match="no `docker` client"):
        look_at_node([Output(70, command="docker inspect"), scanned()])


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        (
            b"Got permission denied while trying to connect to the Docker daemon socket at unix:///v: dial",
            "docker group",
        ),
        (b"permission denied while trying to connect to the docker API at unix:///var/run/docker.sock", "docker group"),
        (b"Cannot connect to the Docker daemon at unix:///v. Is the docker daemon running?", "systemctl status docker"),
    ],
)
def test_case_65_without_the_right_to_ask_docker_it_is_unknown_and_the_right_is_named(said, hint):
    with pytest.raises(Unobservable) as why:
        look_at_node([Output(71, err=said, command="docker inspect"), scanned()])
    assert hint in why.value.hint


def test_case_62_a_container_that_vanished_does_not_spoil_the_rest():
    answer = b"1764000000\n" + json.dumps([inspected_json()]).encode()
    gone = Output(1, answer, b"Error: No such container: 5f2e\n", command="docker inspect")
    pid = inspected_json()["State"]["Pid"]
    scan = scanned(*shown_text(pid, 999, f"0::/docker/{inspected_json()['Id']}"))
    facts = look_at_node([gone, scan], [Output(0, f"={pid}\n postgres:999\n\n".encode()), Output(0, b"=end\n")])
    [item] = facts.containers
    assert item.processes
    assert item.accounts == {"postgres": 999}
    assert facts.clock == 1764000000.0


def test_an_engine_that_dies_while_it_is_asked_is_unobservable():
    with pytest.raises(Unobservable):
        look_at_node(
            [Output(1, b"1764000000\n", b"Cannot connect to the Docker daemon", command="docker inspect"), scanned()]
        )


def test_a_node_with_docker_and_no_container_is_seen_as_such():
    assert look_at_node([Output(0, b"1764000000\n[]\n"), scanned()]) == Facts("present", (), 1764000000.0)


def test_case_73_names_from_a_node_reach_the_report_only_as_data():
    """Escaping is done where things are shown; here they must survive unharmed and unparsed."""
    strange = make_container(make_process(0), name='<script>"\x1b[31m::error::', accounts=ACCOUNTS)
    [match] = runs_as(strange).findings
    assert isinstance(match, Finding)
    assert '<script>"\x1b[31m::error::' in match.saw


def test_facts_survive_recording():
    adapter = TypeAdapter(Facts)
    facts = Facts("present", (GOOD, replace(GOOD, processes=Unobservable("hidden"))), 5.0)
    assert adapter.validate_python(adapter.dump_python(facts, mode="json")) == facts
