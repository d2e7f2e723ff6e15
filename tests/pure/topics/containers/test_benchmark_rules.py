"""Containers and the CIS Docker Benchmark: one that is as it should be, then with one thing broken at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import Outcome, Verdict, judge_subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.containers import TOPIC
from fleetkeeper.topics.containers.facts import Container, Facts, Isolation, Limits, Mount, Port, Process, Settings
from fleetkeeper.topics.containers.parse import parse_isolation
from fleetkeeper.topics.containers.process_scan import by_container, join_processes
from fleetkeeper.topics.registry import load_inventory
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.topics.services.facts import Published, SwarmService
from fleetkeeper.transport.commands import Output, Unobservable
from tests.pure.topics.test_engine import numbers

RULES = {rule.name: rule for rule in TOPIC.rules}
OWN = (
    "have_limits",
    "are_health_checked",
    "cannot_change_themselves",
    "run_no_sshd",
    "publish_what_is_meant",
    "restart_as_meant",
    "run_in_their_own_groups",
    "cannot_gain_privileges",
)
HEAD = """
nodes: {here: {connection: local, sudo: true}}
backups: {none: a test}
certificates: {none: a test}
"""
SERVED = HEAD + "services: {web: {name: rodan_web, user: web, group: web}}\n"
WRITTEN = SERVED + "benchmark: {}\n"
POLICY = """
benchmark:
  level: 2
  ports: {web: [53, "127.0.0.1:5432"]}
  devices: {web: [/dev/dri/*]}
  ulimits: {web: [nofile]}
  restarts: 5
"""
PROCESS = Process(
    7, 33, 33, "gunicorn", no_new_privileges=True, gid=33, groups=(33,), seccomp=2, bounding=0xA80425FB,
    confined="docker-default (enforce)",
)  # fmt: skip
SETTINGS = Settings(
    read_only=True, memory=1 << 30, cpu=True, processes=500, ulimits=("nofile",), restart="on-failure", attempts=5,
    networks=("rodan_default",), apparmor="docker-default", selinux="system_u:system_r:container_t:s0:c1,c2",
)  # fmt: skip
GOOD = Container(
    "4f" * 32, "rodan_web.1.x", labels={"com.docker.swarm.service.name": "rodan_web"}, pid=7, health="healthy",
    has_healthcheck=True, processes=(PROCESS,), accounts={"web": 33}, group_names={"web": 33, "docker": 998},
    mounts=(Mount("volume", "/var/lib/docker/volumes/x/_data", "/data", "x", "local"),),
    ports=(Port(443, host=443), Port(53, "udp", "", 53), Port(5432, "tcp", "127.0.0.1", 5432), Port(9000)),
    isolation=Isolation(devices=("/dev/dri/card0",), network="rodan_default"), settings=SETTINGS,
)  # fmt: skip
SERVICE = SwarmService("s1", "rodan_web", restart="on-failure", attempts=5, published=(Published(80, 80),))
MANAGER = Services("manager", "n1", services=(SERVICE,))


def verdict_about(
    rule: str, *containers: Container, written: str = SERVED + POLICY, swarm: Services | Unobservable = MANAGER
) -> Verdict:
    facts: dict[tuple[str, str], Any] = {
        ("here", "containers"): Facts("present", containers, engine_group=998),
        ("here", "services"): swarm,
    }
    fleet = Fleet(load_inventory(Path("mine.yml"), written), datetime(2026, 11, 30, tzinfo=UTC), facts)
    return judge_subject(RULES[rule], fleet, Subject("node", "here"))


def box(**changes: Any) -> Container:
    return replace(GOOD, **changes)


def box_with_settings(**changes: Any) -> Container:
    return box(settings=replace(SETTINGS, **changes))


def with_process(**changes: Any) -> Container:
    return box(processes=(replace(PROCESS, **changes),))


def alone(**changes: Any) -> Container:
    """A container that is no task of the swarm."""
    return box(labels={}, name="web", **changes)


BROKEN: list[tuple[str, str, Container]] = [
    ("have_limits", "5.11", box_with_settings(memory=0)),
    ("have_limits", "5.12", box_with_settings(cpu=False)),
    ("have_limits", "5.19", box_with_settings(ulimits=("nofile", "nproc"))),
    ("have_limits", "5.25", box_with_settings(cgroup_parent="/other")),
    ("have_limits", "5.29", box_with_settings(processes=0)),
    ("have_limits", "5.29", box(settings=replace(SETTINGS, processes=0), limits=Limits(processes=False))),
    ("are_health_checked", "5.27", box(health="unhealthy")),
    ("cannot_change_themselves", "5.13", box_with_settings(read_only=False)),
    ("run_no_sshd", "5.7", box(processes=(PROCESS, replace(PROCESS, pid=8, name="sshd")))),
    ("publish_what_is_meant", "5.30", box_with_settings(networks=("bridge",))),
    ("publish_what_is_meant", "5.30", box(isolation=replace(GOOD.isolation, network="bridge"))),
    ("publish_what_is_meant", "5.14", box(ports=(Port(5432, host_ip="192.0.2.1", host=5432),))),
    ("publish_what_is_meant", "5.14", box(ports=(Port(5432, host_ip="::", host=5432),))),
    ("restart_as_meant", "5.15", alone(settings=replace(SETTINGS, restart="always", attempts=0))),
    ("restart_as_meant", "5.15", alone(settings=replace(SETTINGS, restart="unless-stopped", attempts=0))),
    ("restart_as_meant", "5.15", alone(settings=replace(SETTINGS, restart="on-failure", attempts=0))),
    ("restart_as_meant", "5.15", alone(settings=replace(SETTINGS, restart="on-failure", attempts=6))),
    ("cannot_gain_privileges", "5.2", with_process(confined="unconfined")),
    ("cannot_gain_privileges", "5.2", with_process(confined="docker-default (complain)")),
    ("cannot_gain_privileges", "5.2", box_with_settings(apparmor="unconfined")),
    ("cannot_gain_privileges", "5.3", box_with_settings(selinux="system_u:system_r:spc_t:s0")),
    ("cannot_gain_privileges", "5.4", with_process(bounding=0xA80425FB | 1 << 12)),
    ("cannot_gain_privileges", "5.4", box(isolation=replace(GOOD.isolation, cap_add=("NET_ADMIN",)))),
    ("cannot_gain_privileges", "5.18", box(isolation=replace(GOOD.isolation, devices=("/dev/ttyS0",)))),
    ("cannot_gain_privileges", "5.18", box_with_settings(requested=("nvidia",))),
    ("cannot_gain_privileges", "5.20", box(mounts=(Mount("bind", "/srv/x", "/x", propagation="rshared"),))),
    ("cannot_gain_privileges", "5.22", with_process(seccomp=0)),
    ("cannot_gain_privileges", "5.22", with_process(seccomp=None)),
    ("cannot_gain_privileges", "5.22", box(isolation=replace(GOOD.isolation, security_opt=("seccomp=unconfined",)))),
    ("cannot_gain_privileges", "5.22", box(isolation=replace(GOOD.isolation, security_opt=("seccomp:unconfined",)),
                                          processes=(replace(PROCESS, seccomp=0),))),
    ("cannot_gain_privileges", "5.26", with_process(no_new_privileges=False)),
]  # fmt: skip


@pytest.mark.parametrize("rule", OWN)
def test_a_good_container_has_nothing_wrong(rule: str) -> None:
    verdict = verdict_about(rule, GOOD)
    assert (verdict.outcome, verdict.warnings, verdict.unknown) == (Outcome.HOLDS, (), ())


@pytest.mark.parametrize(("rule", "number", "container"), BROKEN, ids=[f"{row[0]}-{row[1]}" for row in BROKEN])
def test_one_thing_about_a_container_is_found_by_its_id_alone(rule: str, number: str, container: Container) -> None:
    assert numbers(verdict_about(rule, container)) == [number]
    others = [other for other in OWN if other != rule]
    assert {other: numbers(verdict_about(other, container)) for other in others} == {other: [] for other in others}


def test_what_breaks_two_ids_is_told_with_both() -> None:
    assert numbers(verdict_about("are_health_checked", box(has_healthcheck=False, health=""))) == ["4.6", "5.27"]
    assert numbers(verdict_about("publish_what_is_meant", box(ports=(Port(22, host=22),)))) == ["5.14", "5.8", "5.9"]
    run = box(mounts=(Mount("bind", "/run/containerd", "/x"),))
    assert numbers(verdict_about("cannot_gain_privileges", run)) == ["5.32", "5.6"]
    privileged = box(isolation=Isolation(privileged=True), processes=(replace(PROCESS, seccomp=0),))
    assert numbers(verdict_about("cannot_gain_privileges", privileged)) == ["5.22", "5.5"]


@pytest.mark.parametrize(("kind", "number"), [("network", "5.10"), ("pid", "5.16"), ("ipc", "5.17")])
def test_what_another_container_shares_with_the_node_is_shared_by_who_joins_it(kind: str, number: str) -> None:
    shares = replace(GOOD, id="5e" * 32, name="shares", isolation=replace(GOOD.isolation, devices=(), **{kind: "host"}))
    joins = [
        replace(GOOD.isolation, devices=(), **{kind: f"container:{name}"}) for name in (shares.id, "shares", "middle")
    ]
    for isolation in joins:
        middle = replace(GOOD, id="6d" * 32, name="middle", isolation=joins[1])
        fleet_of_three = (box(isolation=isolation), middle, shares)
        seen = verdict_about("cannot_gain_privileges", *fleet_of_three).findings
        assert [finding.saw.split()[0] for finding in seen] == [GOOD.name, "middle", "shares"]
        assert numbers(verdict_about("cannot_gain_privileges", *fleet_of_three)) == [number]
    circle = replace(GOOD.isolation, **{kind: f"container:{GOOD.name}"})
    assert numbers(verdict_about("cannot_gain_privileges", box(isolation=circle))) == []


@pytest.mark.parametrize("spelled", ["seccomp=", "seccomp:"])
@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ('{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mount"],"action":"SCMP_ACT_ERRNO"}]}', ["5.22"]),
        ('{"DefaultAction": "SCMP_ACT_LOG"}', ["5.22"]),
        ("{}", ["5.22"]),
        ('{"defaultAction":"","syscalls":null}', ["5.22"]),
        ('{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW"}]}', []),
        ("builtin", []),
        ("", []),
        ('{"defaultAction":"SCMP_ACT_ALLOW"', None),
        ('{"defaultAction":"SCMP_ACT_ERRNO","defaultaction":"SCMP_ACT_ALLOW"}', None),
        ('{"defaultAction":"SCMP_ACT_OTHER"}', None),
        ('{"defaultAction":["SCMP_ACT_ALLOW"]}', None),
        ('{"syscalls":[{"names":["read"]}]}', None),
        ('[["defaultAction","SCMP_ACT_ERRNO"]]', None),
        ("/etc/docker/profile.json", None),
        ("Unconfined", None),
        ("[" * 100_000, None),
    ],
)
def test_a_profile_of_seccomp_is_one_by_what_it_does_with_calls_that_it_does_not_name(
    spelled: str, profile: str, expected: list[str] | None
) -> None:
    inspected = parse_isolation({"SecurityOpt": [spelled + profile, "no-new-privileges"], "NetworkMode": "x"})
    as_written = replace(GOOD.isolation, security_opt=(spelled + profile,))
    for isolation in (inspected, as_written):
        verdict = verdict_about("cannot_gain_privileges", box(isolation=replace(isolation, devices=())))
        assert numbers(verdict) == (expected or [])
        assert all("its seccomp profile" in part.why for part in verdict.unknown)
        assert (verdict.outcome is Outcome.UNKNOWN) == (expected is None)
    assert len(inspected.security_opt[0]) < 60


def test_a_limit_of_the_kernel_counts() -> None:
    bare = replace(SETTINGS, memory=0, cpu=False, processes=0)
    limited = box(settings=bare, limits=Limits(memory=True, cpu=True, processes=True))
    assert numbers(verdict_about("have_limits", limited)) == []
    assert numbers(verdict_about("have_limits", box(settings=bare))) == ["5.11", "5.12", "5.29"]


def test_a_port_of_the_mesh_is_the_service_s_and_unknown_without_a_manager() -> None:
    mesh = replace(MANAGER, services=(replace(SERVICE, published=(Published(8080, 80),)),))
    assert numbers(verdict_about("publish_what_is_meant", GOOD, swarm=mesh)) == ["5.14", "5.9"]
    for swarm in (Services("worker", "n2"), replace(MANAGER, services=())):
        verdict = verdict_about("publish_what_is_meant", GOOD, swarm=swarm)
        assert (verdict.outcome, numbers(verdict)) == (Outcome.UNKNOWN, [])
        assert verdict_about("publish_what_is_meant", alone(), swarm=swarm).outcome is Outcome.HOLDS
    assert verdict_about("publish_what_is_meant", alone(), swarm=Unobservable("dark")).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(("how", "attempts", "wrong"), [("any", 0, True), ("none", 0, False), ("any", 5, False)])
def test_how_often_the_swarm_starts_a_service_again_is_its_own_policy(how: str, attempts: int, wrong: bool) -> None:
    swarm = replace(MANAGER, services=(replace(SERVICE, restart=how, attempts=attempts),))
    assert bool(numbers(verdict_about("restart_as_meant", GOOD, swarm=swarm))) is wrong


def test_without_a_line_of_policy_what_needs_one_does_not_apply() -> None:
    assert verdict_about("restart_as_meant", GOOD, written=WRITTEN).outcome is Outcome.NOT_APPLICABLE
    verdict = verdict_about(
        "publish_what_is_meant", alone(ports=(Port(8443, host_ip="192.0.2.7", host=8443),)), written=WRITTEN
    )
    assert numbers(verdict) == []
    assert {part.cis[-1] for part in verdict.parts} == {"1.8:5.9", "1.8:5.30"}
    camera = box(isolation=replace(GOOD.isolation, devices=("/dev/video0",)))
    assert numbers(verdict_about("cannot_gain_privileges", camera, written=WRITTEN)) == []
    none = HEAD + "services: {none: a test}\nbenchmark: {none: not here}\n"
    assert verdict_about("have_limits", GOOD, written=none).outcome is Outcome.NOT_APPLICABLE


def test_equal_containers_of_a_service_are_one_finding() -> None:
    bare = replace(SETTINGS, memory=0)
    tasks = [box(id=f"{number:064x}", name=f"rodan_web.{number}.x", settings=bare) for number in range(5)]
    [warning] = verdict_about("have_limits", *tasks).warnings
    assert warning.about == "web"
    assert "rodan_web.0.x, rodan_web.1.x, rodan_web.2.x and 2 more: each has no limit" in warning.saw


def test_a_waiver_of_one_id_leaves_the_others() -> None:
    waived = "waivers: [{rule: cis:5.11, subject: web, until: 2099-01-01, owner: me, because: so}]\n"
    bare = box_with_settings(memory=0, processes=0)
    assert numbers(verdict_about("have_limits", bare, written=SERVED + POLICY + waived)) == ["5.29"]


def test_ended_tasks_and_drills_are_not_judged_and_stopped_containers_are() -> None:
    bare = replace(SETTINGS, memory=0)
    assert numbers(verdict_about("have_limits", box(settings=bare, state="exited", pid=0))) == []
    drill = alone(settings=bare, isolation=Isolation(network="none"))
    assert numbers(verdict_about("have_limits", replace(drill, labels={"fleetkeeper": "drill"}))) == []
    assert numbers(verdict_about("have_limits", alone(settings=bare, state="exited", pid=0))) == ["5.11"]


@pytest.mark.parametrize("rule", [rule for rule in OWN if rule not in ("are_health_checked", "cannot_gain_privileges")])
def test_what_was_not_seen_of_a_container_is_unknown_and_hides_no_other(rule: str) -> None:
    dark = box(name="dark", labels={}, settings=None, processes=Unobservable("hidden"), ports=())
    verdict = verdict_about(rule, dark, GOOD)
    assert (verdict.outcome, numbers(verdict)) == (Outcome.UNKNOWN, [])
    assert "dark: " in verdict.unknown[0].why


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"gid": 0, "groups": (0,)}, "gunicorn with root's group"),
        ({"groups": (33, 0)}, "root's group among its others"),
        ({"groups": (33, 998)}, "the engine's socket"),
        ({"gid": 5, "groups": (5,)}, "with the group 5"),
        ({"gid": None, "groups": (100005,)}, "with the group of the node 100005"),
    ],
)
def test_a_process_with_a_group_that_is_not_its_own_is_a_warning(changes: dict[str, Any], text: str) -> None:
    verdict = verdict_about("run_in_their_own_groups", with_process(**changes))
    [warning] = verdict.warnings
    assert text in warning.saw
    assert (warning.about, verdict.findings) == ("web", ())


CAPTURED = """\
/proc/7/status:Name:\tgunicorn
/proc/7/status:State:\tS (sleeping)
/proc/7/status:PPid:\t1
/proc/7/status:Uid:\t33\t33\t33\t33
/proc/7/status:Gid:\t33\t33\t33\t33
/proc/7/status:Groups:\t33 %s \n\
/proc/7/uid_map:         0          0 4294967295
/proc/7/gid_map:         0          0 4294967295
/proc/7/cgroup:0::/system.slice/docker-%s.scope
engine:998
"""
"""What the scan shows of `docker run --user 33:33 --group-add …`, whose group docker has the number of the node's."""


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize(
    ("added", "text"), [("0", "root's group among its others"), ("998", "the group that owns the engine's socket")]
)
def test_a_group_that_a_container_was_given_beside_its_own_is_told_of_services_and_strangers(
    added: str, text: str, declared: bool
) -> None:
    container = box(labels=GOOD.labels if declared else {}, name=GOOD.name if declared else "stranger", processes=())
    scan = Output(0, (CAPTURED % (added, container.id)).encode())
    [seen] = join_processes([container], by_container(scan, [container]), {})
    verdict = verdict_about("run_in_their_own_groups", seen)
    [warning] = verdict.warnings
    assert (text in warning.saw, warning.about, verdict.findings) == (True, "web" if declared else "stranger", ())


def test_groups_that_are_named_or_of_another_user_of_the_node_or_of_root_are_let_be() -> None:
    named = WRITTEN.replace("group: web", "group: [web, docker, root]")
    for changes in ({"groups": (33, 998)}, {"gid": 0, "groups": (0,)}):
        assert verdict_about("run_in_their_own_groups", with_process(**changes), written=named).warnings == ()
    assert verdict_about("run_in_their_own_groups", with_process(gid=33, groups=(100033, 100000))).warnings == ()
    for changes in ({"uid": 0, "groups": (0,)}, {"entered": True, "groups": (0,)}, {"gid": None, "groups": ()}):
        assert verdict_about("run_in_their_own_groups", with_process(**changes)).warnings == ()
    any_group = WRITTEN.replace(", group: web", "")
    assert verdict_about("run_in_their_own_groups", with_process(gid=5, groups=(5,)), written=any_group).warnings == ()


def test_without_a_socket_of_the_engine_a_group_may_be_its_own() -> None:
    def judged(container: Container, written: str = WRITTEN.replace(", group: web", "")) -> Verdict:
        facts = {("here", "containers"): Facts("present", (container,))}
        fleet = Fleet(load_inventory(Path("mine.yml"), written), datetime(2026, 11, 30, tzinfo=UTC), facts)
        return judge_subject(RULES["run_in_their_own_groups"], fleet, Subject("node", "here"))

    assert judged(GOOD).outcome is Outcome.UNKNOWN
    assert "the engine's socket could not be seen" in judged(GOOD).unknown[0].why
    assert judged(with_process(groups=(33, 0))).warnings
    assert judged(with_process(gid=None, groups=())).outcome is Outcome.HOLDS
    assert judged(GOOD, WRITTEN).outcome is Outcome.HOLDS
    assert judged(with_process(groups=(33, 998)), WRITTEN).outcome is Outcome.UNKNOWN


def test_the_group_of_each_socket_of_the_engine_is_told() -> None:
    for groups in ((998, 1000), (1000,)):
        facts = {("here", "containers"): Facts("present", (with_process(groups=(33, 1000)),), engine_groups=groups)}
        fleet = Fleet(load_inventory(Path("mine.yml"), WRITTEN), datetime(2026, 11, 30, tzinfo=UTC), facts)
        [warning] = judge_subject(RULES["run_in_their_own_groups"], fleet, Subject("node", "here")).warnings
        assert "the group that owns the engine's socket" in warning.saw


def test_a_group_that_the_container_does_not_know_is_unknown() -> None:
    assert verdict_about("run_in_their_own_groups", box(group_names={})).outcome is Outcome.UNKNOWN
    numbered = WRITTEN.replace("group: web", "group: '33'")
    assert verdict_about("run_in_their_own_groups", box(group_names=None), written=numbered).outcome is Outcome.HOLDS


def test_what_no_container_of_the_node_can_have_does_not_apply() -> None:
    verdict = verdict_about("cannot_gain_privileges", box_with_settings(apparmor="", selinux=""))
    assert {part.cis[-1] for part in verdict.parts} == {"1.8:5.2", "1.8:5.3", "1.8:5.31"}
    mapped = replace(GOOD.isolation, engine_maps=True)
    assert verdict_about("cannot_gain_privileges", box(isolation=mapped)).parts == ()


STATUS = """\
/proc/7/cgroup:0::/system.slice/docker-{id}.scope
/proc/7/status:Name:\tgunicorn
/proc/7/status:State:\tS (sleeping)
/proc/7/status:PPid:\t1
/proc/7/status:Uid:\t33\t33\t33\t33
/proc/7/status:Gid:\t33\t33\t33\t33
/proc/7/status:Groups:\t33
/proc/7/status:Threads:\t1
/proc/7/status:CapBnd:\t00000000a80425fb
/proc/7/status:NoNewPrivs:\t1
{seccomp}/proc/7/uid_map:         0          0 4294967295
/proc/7/gid_map:         0          0 4294967295
/proc/7/attr/current:docker-default (enforce)
"""
"""What the scan prints of one process, as a kernel 6.1 shows it."""


@pytest.mark.parametrize(
    ("seccomp", "wrong"),
    [("/proc/7/status:Seccomp:\t2\n", []), ("/proc/7/status:Seccomp:\t0\n", ["5.22"]), ("", ["5.22"])],
)
def test_a_filter_counts_as_the_kernel_shows_it(seccomp: str, wrong: list[str]) -> None:
    text = STATUS.format(id=GOOD.id, seccomp=seccomp)
    [seen] = join_processes([GOOD], by_container(Output(0, text.encode()), [GOOD]), {})
    assert isinstance(seen.processes, tuple)
    assert numbers(verdict_about("cannot_gain_privileges", replace(GOOD, processes=seen.processes))) == wrong


def test_a_look_of_before_seccomp_was_kept_says_nothing_of_it() -> None:
    assert numbers(verdict_about("cannot_gain_privileges", with_process(seccomp=None, bounding=None))) == []


@pytest.mark.parametrize("device", ["/dev/mmcblk0", "/dev/md0", "/dev/disk/by-id/x", "/dev/hda", "/dev/bcache0"])
def test_a_disk_by_another_name_is_a_disk(device: str) -> None:
    isolation = replace(GOOD.isolation, devices=(device,))
    assert numbers(verdict_about("cannot_gain_privileges", box(isolation=isolation), written=WRITTEN)) == ["5.18"]


@pytest.mark.parametrize(
    ("rule", "wide"),
    [("c *:* rwm", True), ("c 1:* rw", True), ("c 1:1 r", True), ("a", True), ("b 8:* r", True), ("c 1:3 rw", False),
     ("c 189:* rmw", False)],
)  # fmt: skip
def test_a_rule_for_the_node_s_memory_is_as_wide_as_one_for_all_devices(rule: str, wide: bool) -> None:
    isolation = replace(GOOD.isolation, device_rules=(rule,))
    verdict = verdict_about("cannot_gain_privileges", box(isolation=isolation), written=WRITTEN)
    assert numbers(verdict) == (["5.18"] if wide else [])


@pytest.mark.parametrize(
    "source", ["/run/docker", "/run/docker/containerd", "/run/user/1000", "/var/run/user/1000/podman"]
)
def test_a_folder_in_which_an_engine_keeps_its_socket_is_as_good_as_the_socket(source: str) -> None:
    mounts = (Mount("bind", source, "/x"),)
    assert "5.32" in numbers(verdict_about("cannot_gain_privileges", box(mounts=mounts)))


def test_a_label_of_the_swarm_that_an_image_brings_hides_no_stopped_container() -> None:
    stopped = box(name="backdoor", state="exited", pid=0, processes=(), isolation=Isolation(privileged=True))
    assert "5.5" in numbers(verdict_about("cannot_gain_privileges", stopped))
    assert numbers(verdict_about("cannot_gain_privileges", replace(stopped, name="rodan_web.1.x"))) == []


def test_a_port_that_the_engine_chooses_is_open_on_all_addresses() -> None:
    chosen = (Port(8000, chosen=True),)
    assert numbers(verdict_about("publish_what_is_meant", box(ports=chosen))) == ["5.14", "5.9"]
    inner = (Port(8000, host_ip="127.0.0.1", chosen=True),)
    assert numbers(verdict_about("publish_what_is_meant", box(ports=inner), written=WRITTEN)) == []
    named = SERVED + POLICY.replace("[53,", "[8000, 53,")
    assert numbers(verdict_about("publish_what_is_meant", box(ports=chosen), written=named)) == []


def test_paths_of_the_system_that_are_not_kept_read_only_are_a_way_to_root() -> None:
    for host, expected in (
        ({"ReadonlyPaths": []}, ["5.5"]),
        ({"ReadonlyPaths": ["/proc/sys"]}, []),
        ({"ReadonlyPaths": None}, []),
        ({"SecurityOpt": ["systempaths:unconfined"]}, ["5.5"]),
    ):
        given = parse_isolation({"NetworkMode": "x", **host})
        isolation = replace(given, security_opt=(*given.security_opt, "no-new-privileges"))
        verdict = verdict_about("cannot_gain_privileges", box(isolation=isolation))
        assert (numbers(verdict), verdict.outcome is Outcome.FINDING) == (expected, bool(expected))


def test_root_s_group_and_the_engine_s_are_told_where_a_named_group_is_not_known() -> None:
    def judged(names: dict[str, int] | None = {}, **changes: Any) -> Verdict:  # noqa: B006 - it is only read
        container = replace(with_process(**changes), group_names=names)
        return verdict_about("run_in_their_own_groups", container, written=SERVED + POLICY)

    rooted, served, unlisted = judged(groups=(33, 0)), judged(groups=(33, 998)), judged()
    assert ("root's group" in rooted.warnings[0].saw, "engine" in served.warnings[0].saw) == (True, True)
    assert (unlisted.warnings, [why.why for why in unlisted.unknown]) == (
        (),
        ["rodan_web.1.x: which group web is in the container is not known"],
    )
    assert (judged(None, groups=(33, 0)).warnings, judged(None).outcome) == ((), Outcome.UNKNOWN)
    numbered = SERVED.replace("group: web", "group: [web, '33']") + POLICY
    container = replace(with_process(), group_names={})
    assert verdict_about("run_in_their_own_groups", container, written=numbered).outcome is Outcome.HOLDS


def test_root_s_group_may_be_among_those_that_the_inventory_names() -> None:
    rooted = with_process(groups=(33, 0))
    assert verdict_about("run_in_their_own_groups", rooted).warnings
    named = SERVED.replace("group: web", "group: [web, root]") + POLICY
    assert not verdict_about("run_in_their_own_groups", rooted, written=named).warnings
