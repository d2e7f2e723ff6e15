"""Engine: a node where everything is as it should be, and the same with one thing broken at a time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from fleetkeeper.inventory.benchmark_ids import LEVEL_2, in_editions
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import Outcome, Verdict, judge_subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.looking.look import drive_in_lockstep
from fleetkeeper.topics.benchmark.catalog import load_catalog
from fleetkeeper.topics.benchmark.states import states_of
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.engine import TOPIC
from fleetkeeper.topics.engine.audit_rules import is_watched, parse_watches
from fleetkeeper.topics.engine.facts import Facts
from fleetkeeper.topics.engine.observe import inspect_engine
from fleetkeeper.topics.engine.parse import parse
from fleetkeeper.topics.registry import load_inventory
from fleetkeeper.transport.commands import Command, Output, Unobservable

RULES = {rule.name: rule for rule in TOPIC.rules}
OLDER = """
nodes: {here: {connection: local, sudo: true}}
services: {none: a test}
backups: {none: a test}
certificates: {none: a test}
"""
POLICY = """
benchmark:
  level: 2
  engine_users: [deploy]
  engine_at_least: "28.0"
  default_ulimits: [nofile]
  unused_images: 1
  stopped_containers: 1
"""
ASKED = OLDER + POLICY
PLAIN = OLDER + "benchmark: {}\n"
INFO: dict[str, Any] = {
    "ServerVersion": "29.1.3",
    "DockerRootDir": "/var/lib/docker",
    "Driver": "overlayfs",
    "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]],
    "LoggingDriver": "syslog",
    "Debug": False,
    "ExperimentalBuild": False,
    "LiveRestoreEnabled": True,
    "Swarm": {"LocalNodeState": "inactive"},
    "SecurityOptions": ["name=apparmor", "name=seccomp,profile=builtin", "name=userns", "name=no-new-privileges"],
    "RegistryConfig": {
        "InsecureRegistryCIDRs": ["::1/128", "127.0.0.0/8"],
        "IndexConfigs": {"docker.io": {"Name": "docker.io", "Secure": True}},
    },
    "Plugins": {"Authorization": ["opa"]},
    "Images": 2,
    "HttpProxy": "",
    "Labels": ["owner=team"],
}
SETTINGS: dict[str, Any] = {
    "log-level": "info",
    "userland-proxy": False,
    "default-ulimits": {"nofile": {"Name": "nofile", "Soft": 65536, "Hard": 65536}},
    "proxies": {"http-proxy": "http://user:geheim@proxy:3128"},
}
FILES = [
    ("docker.service", "/usr/lib/systemd/system/docker.service", "0 0 644 root"),
    ("docker.service", "/etc/systemd/system/docker.service.d/limits.conf", "0 0 644 root"),
    ("docker.socket", "/usr/lib/systemd/system/docker.socket", "0 0 644 root"),
    ("config", "/etc/docker/daemon.json", "0 0 644 root"),
    ("/etc/docker", "/etc/docker", "0 0 755 root"),
    ("/etc/default/docker", "/etc/default/docker", "0 0 644 root"),
    ("/etc/sysconfig/docker", "/etc/sysconfig/docker", "0 0 644 root"),
    ("dockerd", "/usr/bin/dockerd", "0 0 755 root"),
    ("/run/containerd", "/run/containerd", "0 0 711 root"),
    ("data", "/var/lib/docker", "0 0 710 root"),
    ("containerd-config", "/etc/containerd/config.toml", "0 0 644 root"),
    ("containerd", "/usr/bin/containerd", "0 0 755 root"),
    ("containerd-shim-runc-v2", "/usr/bin/containerd-shim-runc-v2", "0 0 755 root"),
    ("runc", "/usr/bin/runc", "0 0 755 root"),
    ("containerd.sock", "/run/containerd/containerd.sock", "0 0 660 root"),
    ("tlscacert", "/etc/docker/ca.pem", "0 0 444 root"),
    ("tlscert", "/etc/docker/cert.pem", "0 0 444 root"),
    ("tlskey", "/etc/docker/key.pem", "0 0 400 root"),
    ("certs.d", "/etc/docker/certs.d/registry/ca.crt", "0 0 444 root"),
    ("certs.d", "/etc/docker/certs.d/registry/client.key", "0 0 600 root"),
    ("socket", "/run/docker.sock", "0 999 660 docker"),
]
WATCHED = [
    "/etc/docker",
    "/var/lib/docker",
    "/run/containerd",
    "/usr/lib/systemd/system",
    "/etc/systemd/system",
    "/etc/default",
    "/etc/sysconfig",
    "/etc/containerd",
    "/usr/bin/dockerd",
    "/usr/bin/containerd",
    "/usr/bin/containerd-shim-runc-v2",
    "/usr/bin/runc",
    "/run/docker.sock",
]
WORDS = ["/usr/bin/dockerd", "-H", "fd://", "--containerd=/run/containerd/containerd.sock"]


def printed(
    *,
    words: list[str] = WORDS,
    processes: int = 1,
    info: Any = INFO,
    bridge: str = '{"com.docker.network.bridge.enable_icc":"false"}',
    settings: str | None = None,
    read: str = "read",
    files: list[tuple[str, str, str]] = FILES,
    listen: str = "/run/docker.sock (Stream)",
    unit_group: str | None = "docker",
    sockets: str = "seen",
    listening: tuple[str, ...] = ("unix /run/docker.sock", "unix /run/docker/metrics.sock"),
    acl: str = "",
    members: tuple[str, ...] = ("deploy",),
    disks: str = "yes",
    audit: str = "1",
    loaded: list[str] = WATCHED,
    saved: list[str] = WATCHED,
    overlays: tuple[str, ...] | None = None,
    state: str = "",
    seccomp: tuple[str, ...] = (),
) -> str:
    """What the script prints about an engine of Debian 12."""

    def part(head: str, *lines: str) -> list[str]:
        return [f"={head}", *(f" {line}" for line in lines)]

    text = json.dumps(SETTINGS, indent=1) if settings is None else settings
    rows = [
        *part(f"process {processes} /usr/bin/dockerd", *words),
        *part("info", json.dumps(info)),
        *part("bridge", *([bridge] if bridge else [])),
        *part(f"settings {read}", *(text.split("\n") if read.startswith("read") else [])),
        *(part(f"seccomp {seccomp[0]}", *seccomp[1:]) if seccomp else []),
        *([] if overlays is None else part("overlays listed", *overlays)),
        *part("state read" if state else "state unread", *state.split("\n")),
        *part("systemd yes"),
        *part("listen", listen),
        *([] if unit_group is None else part("socket-group", *([unit_group] if unit_group else []))),
        *(row for role, path, stat in files for row in part(f"file {role} {stat}", path, path)),
        *part(f"sockets {sockets}", *listening),
        *(part(f"acl{acl}", "user:ops:rw-") if acl else []),
        *part("group 999", *members),
        *part(f"disk {disks}", "/var/lib/docker"),
        *part(f"disk {disks}", "/var/lib/containerd"),
        *part(f"audit {audit}", *(f"-w {path} -p wa -k docker" for path in loaded)),
        *part("saved", *(f"-w {path} -p wa -k docker" for path in saved)),
    ]
    return "\n".join(rows) + "\n=end\n"


GOOD = printed()


@cache
def inventory_of(written: str) -> Inventory:
    return load_inventory(Path("mine.yml"), written)


parse_once = cache(parse)


def fleet_with_engine(facts: Facts | Unobservable, written: str = ASKED, stopped: int = 1) -> Fleet:
    inventory = inventory_of(written)
    running = Container("1", "web", image_id="sha256:a", pid=7)
    idle = [Container(f"{number}", f"old{number}", image_id="sha256:a", state="exited") for number in range(stopped)]
    seen = {("here", "engine"): facts, ("here", "containers"): Containers("present", (running, *idle))}
    return Fleet(inventory, datetime(2026, 11, 30, tzinfo=UTC), seen)


def looks() -> dict[str, Fleet]:
    """Looks for the tests that go over all topics."""
    broken = parse(
        printed(
            info={
                **INFO,
                "SecurityOptions": ["name=seccomp,profile=/etc/x.json"],
                "Driver": "aufs",
                "RegistryConfig": {"InsecureRegistryCIDRs": ["10.0.0.0/8"]},
            },
            listening=("unix /run/docker.sock", "tcp 00000000:0947"),
            words=[*WORDS, "-H", "tcp://0.0.0.0:2375", "--cgroup-parent=/x", "--log-level=warn"],
            acl=" ",
            members=("ops",),
            loaded=[],
            seccomp=("read", '"defaultAction":"SCMP_ACT_ERRNO"'),
        )
    )
    return {
        "clean": fleet_with_engine(parse(GOOD)),
        "odd": fleet_with_engine(broken),
        "older": fleet_with_engine(broken, PLAIN),
    }


def verdict_of_engine(rule: str, text: str = GOOD, written: str = ASKED, **more: Any) -> Verdict:
    return judge_subject(RULES[rule], fleet_with_engine(parse_once(text), written, **more), Subject("node", "here"))


def numbers(verdict: Verdict) -> list[str]:
    """The numbers in 1.8 of all that is wrong."""
    broken = (*verdict.findings, *verdict.warnings)
    return sorted({name.partition(":")[2] for finding in broken for name in finding.cis if name.startswith("1.8:")})


def with_file(role: str, stat: str) -> str:
    files = [(name, path, stat if name == role else old) for name, path, old in FILES]
    assert files != FILES
    return printed(files=files)


def with_info(**changes: Any) -> str:
    return printed(info={**INFO, **changes})


def printed_settings(**changes: Any) -> str:
    return printed(settings=json.dumps({**SETTINGS, **changes}))


def without_security(name: str) -> str:
    return with_info(SecurityOptions=[each for each in INFO["SecurityOptions"] if name not in each])


TCP_IN_SETTINGS = json.dumps({**SETTINGS, "hosts": ["tcp://:2376"], "tls": True}, indent=1)
BROKEN: list[tuple[str, str, str]] = [
    ("is_reached_by_few", "1.1.2", printed(members=("deploy", "ops"))),
    ("is_reached_by_few", "1.1.2", printed(acl=" ")),
    ("is_reached_by_few", "2.8", printed(words=[*WORDS, "-H", "tcp://0.0.0.0:2375"])),
    ("is_reached_by_few", "2.8", printed(words=[*WORDS, "--host=tcp://127.0.0.1:2375"])),
    ("is_reached_by_few", "2.8", printed(listen="0.0.0.0:2375 (Stream)\n /run/docker.sock (Stream)")),
    ("is_reached_by_few", "2.8", printed(words=WORDS[:1], settings=TCP_IN_SETTINGS)),
    ("is_reached_by_few", "3.15", with_file("socket", "1000 999 660 docker")),
    ("is_reached_by_few", "3.15", with_file("socket", "0 1000 660 users")),
    ("is_reached_by_few", "3.15", printed(unit_group="ops")),
    ("is_reached_by_few", "3.15", printed(unit_group="")),
    ("is_reached_by_few", "3.16", with_file("socket", "0 999 666 docker")),
    ("is_reached_by_few", "3.23", with_file("containerd.sock", "0 999 660 docker")),
    ("is_reached_by_few", "3.24", with_file("containerd.sock", "0 0 662 root")),
    ("files_belong_to_root", "3.1", with_file("docker.service", "1000 0 644 root")),
    ("files_belong_to_root", "3.2", with_file("docker.service", "0 0 664 root")),
    ("files_belong_to_root", "3.3", with_file("docker.socket", "0 100 644 users")),
    ("files_belong_to_root", "3.4", with_file("docker.socket", "0 0 755 root")),
    ("files_belong_to_root", "3.5", with_file("/etc/docker", "1 0 755 root")),
    ("files_belong_to_root", "3.6", with_file("/etc/docker", "0 0 775 root")),
    ("files_belong_to_root", "3.7", with_file("certs.d", "0 5 400 tty")),
    ("files_belong_to_root", "3.8", with_file("certs.d", "0 0 444 root")),
    ("files_belong_to_root", "3.9", with_file("tlscacert", "7 0 444 root")),
    ("files_belong_to_root", "3.10", with_file("tlscacert", "0 0 644 root")),
    ("files_belong_to_root", "3.11", with_file("tlscert", "7 0 444 root")),
    ("files_belong_to_root", "3.12", with_file("tlscert", "0 0 466 root")),
    ("files_belong_to_root", "3.13", with_file("tlskey", "7 0 400 root")),
    ("files_belong_to_root", "3.14", with_file("tlskey", "0 0 440 root")),
    ("files_belong_to_root", "3.17", with_file("config", "7 0 644 root")),
    ("files_belong_to_root", "3.18", with_file("config", "0 0 606 root")),
    ("files_belong_to_root", "3.19", with_file("/etc/default/docker", "7 0 644 root")),
    ("files_belong_to_root", "3.20", with_file("/etc/default/docker", "0 0 577 root")),
    ("files_belong_to_root", "3.21", with_file("/etc/sysconfig/docker", "0 0 646 root")),
    ("files_belong_to_root", "3.22", with_file("/etc/sysconfig/docker", "0 7 644 lp")),
    ("keeps_containers_apart", "2.2", printed(bridge="{}")),
    ("keeps_containers_apart", "2.10", without_security("userns")),
    ("keeps_containers_apart", "2.15", without_security("no-new")),
    ("keeps_containers_apart", "2.18 5.22", without_security("seccomp")),
    ("keeps_containers_apart", "2.18 5.22", with_info(SecurityOptions=["name=userns", "name=no-new-privileges",
                                                                  "name=seccomp"])),
    ("keeps_containers_apart", "2.18 5.22", with_info(SecurityOptions=["name=userns", "name=no-new-privileges",
                                                                  "name=seccomp,profile=unconfined"])),
    ("is_set_up_soundly", "2.3", printed_settings(**{"log-level": "warn"})),
    ("is_set_up_soundly", "2.3", with_info(Debug=True)),
    ("is_set_up_soundly", "2.3", printed(words=[*WORDS, "--log-level", "error"])),
    ("is_set_up_soundly", "2.4", printed_settings(iptables=False)),
    ("is_set_up_soundly", "2.4", printed(words=[*WORDS, "--iptables=false"])),
    ("is_set_up_soundly", "2.5", with_info(RegistryConfig={"InsecureRegistryCIDRs": ["10.0.0.0/8"]})),
    ("is_set_up_soundly", "2.5", with_info(RegistryConfig={"IndexConfigs": {"reg:5000": {"Secure": False}}})),
    ("is_set_up_soundly", "2.6", with_info(Driver="aufs")),
    ("is_set_up_soundly", "2.7", with_info(Driver="devicemapper")),
    ("is_set_up_soundly", "2.9", printed_settings(**{"default-ulimits": {}})),
    ("is_set_up_soundly", "2.11", printed_settings(**{"cgroup-parent": "other.slice"})),
    ("is_set_up_soundly", "2.16", with_info(LiveRestoreEnabled=False)),
    ("is_set_up_soundly", "2.17", printed(settings='{"default-ulimits": {"nofile": {}}}')),
    ("is_set_up_soundly", "2.19", with_info(ExperimentalBuild=True)),
    ("asks_and_logs", "2.13", with_info(Plugins={"Authorization": None})),
    ("asks_and_logs", "2.14", with_info(LoggingDriver="local")),
    ("is_current", "1.2.2", with_info(ServerVersion="27.5.1")),
    ("has_its_own_disk", "1.1.1", printed(disks="no")),
    ("is_tidy", "6.1", with_info(Images=3)),
    *[("is_audited", number, printed(loaded=[path for path in WATCHED if path != gone]))
      for number, gone in [("1.1.3", "/usr/bin/dockerd"), ("1.1.5", "/var/lib/docker"),
                           ("1.1.9", "/run/docker.sock"), ("1.1.10", "/etc/default"), ("1.1.13", "/etc/sysconfig"),
                           ("1.1.12", "/etc/containerd"), ("1.1.14", "/usr/bin/containerd"),
                           ("1.1.17", "/usr/bin/containerd-shim-runc-v2"), ("1.1.18", "/usr/bin/runc"),
                           ("1.1.7", "/etc/systemd/system")]],
    ("is_audited", "1.1.3", printed(saved=[path for path in WATCHED if path != "/usr/bin/dockerd"])),
]  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_a_good_engine_has_nothing_wrong(rule: str) -> None:
    verdict = verdict_of_engine(rule)
    assert (verdict.outcome, verdict.warnings, verdict.unknown) == (Outcome.HOLDS, (), ())


@pytest.mark.parametrize(("rule", "number", "text"), BROKEN, ids=[f"{rule}-{number}" for rule, number, _ in BROKEN])
def test_one_thing_that_is_broken_is_found_by_its_id_alone(rule: str, number: str, text: str) -> None:
    assert numbers(verdict_of_engine(rule, text)) == number.split()
    others = [other for other in RULES if other != rule]
    assert {other: numbers(verdict_of_engine(other, text)) for other in others} == {other: [] for other in others}


def test_a_stopped_container_too_many_is_found() -> None:
    assert numbers(verdict_of_engine("is_tidy", stopped=2)) == ["6.2"]


def test_every_id_of_the_engine_is_broken_by_some_test() -> None:
    judged = {number.partition(":")[2] for rule in RULES.values() for number in rule.cis if number.startswith("1.8:")}
    broken = {number for _, several, _ in BROKEN for number in several.split()} | {"6.2"}
    assert judged - broken == {"2.1", "2.12", "1.1.4", "1.1.6", "1.1.8", "1.1.11", "1.1.15", "1.1.16"}


def test_ids_of_which_a_broken_rule_breaks_several() -> None:
    """The directory of containerd and what is in it; /etc/docker and its settings."""
    run = printed(loaded=[path for path in WATCHED if path != "/run/containerd"])
    assert numbers(verdict_of_engine("is_audited", run)) == ["1.1.4", "1.1.8"]
    etc = printed(loaded=[path for path in WATCHED if path != "/etc/docker"])
    assert numbers(verdict_of_engine("is_audited", etc)) == ["1.1.11", "1.1.6"]
    shims = [(name, f"/usr/bin/{name}", "0 0 755 root") for name in ("containerd-shim", "containerd-shim-runc-v1")]
    assert numbers(verdict_of_engine("is_audited", printed(files=[*FILES, *shims]))) == ["1.1.15", "1.1.16"]
    off = verdict_of_engine("is_audited", printed(audit="0"))
    assert len(numbers(off)) == 14
    assert "audit is off" in off.warnings[0].saw


def test_a_rule_for_a_longer_path_counts_for_no_shorter_one() -> None:
    watches = parse_watches(["-w /usr/bin/containerd-shim -p wa", "-w /run/containerd/containerd.sock -p wa"])
    assert not is_watched("/usr/bin/containerd", watches)
    assert not is_watched("/run/containerd", watches, directory=True)


@pytest.mark.parametrize(
    ("rule", "watched"),
    [
        ("-w /etc/docker -p wa", True),
        ("-w /etc -p rwxa -k all", True),
        ("-w /etc/docker", True),
        ("-w /etc/docker -p r", False),
        ("-a always,exit -F dir=/etc/docker -F perm=wa -F key=docker", True),
        ("-a always,exit -S all -F dir=/etc/docker -F perm=wa", True),
        ("-a exit,always -F dir=/etc/docker -F perm=wa", True),
        ("-a always,exit -F path=/etc/docker -F perm=wa", False),
        ("-a never,exit -F dir=/etc/docker -F perm=wa", False),
        ("-a always,exit -F dir=/etc/docker -F perm=wa -F auid>=1000", False),
        ("-a always,exit -F dir=/etc/docker -F perm=wa -F success=0", False),
        ("-a always,exit -S openat -F dir=/etc/docker -F perm=wa", False),
        ("-a always,exit", False),
        ("-w", False),
        ("", False),
    ],
)
def test_what_a_rule_of_the_audit_watches(rule: str, watched: bool) -> None:
    assert is_watched("/etc/docker", parse_watches([rule]), directory=True) is watched


BAD_SETTINGS = {
    "no JSON": printed(settings="{log-level: info}"),
    "a list": printed(settings="[]"),
    "a key twice": printed(settings='{"log-level": "info", "log-level": "debug"}'),
    "too deep": printed(settings='{"x": ' + "[" * 100_000),
    "another kind": printed(settings='{"log-level": 3}'),
    "unreadable": printed(read="unreadable"),
    "50 MB": printed(read="large"),
    "a pipe": printed(read="special"),
    "newer than the engine": printed(read="read newer"),
}


@pytest.mark.parametrize("name", BAD_SETTINGS)
def test_settings_that_cannot_be_relied_on_are_unknown_where_only_they_say(name: str) -> None:
    verdict = verdict_of_engine("is_set_up_soundly", BAD_SETTINGS[name])
    assert verdict.outcome is Outcome.UNKNOWN
    assert numbers(verdict) == []
    dark = {part.cis[-1].partition(":")[2] for part in verdict.parts if isinstance(part.why, Unobservable)}
    assert dark == {"2.3", "2.4", "2.9", "2.11", "2.17"}
    assert "here: " in str(verdict.unknown[0])


def test_an_engine_without_settings_has_those_of_docker() -> None:
    for text in (printed(read="absent"), printed(settings=""), printed(settings="{}")):
        assert numbers(verdict_of_engine("is_set_up_soundly", text)) == ["2.17", "2.9"]


def test_no_setting_that_may_be_secret_is_kept() -> None:
    facts = parse(printed(words=[*WORDS, "--http-proxy=http://user:geheim@proxy", "--label", "geheim"]))
    assert "geheim" not in repr(facts)


def test_nobody_is_blamed_where_the_look_could_not_see() -> None:
    hidden = printed(sockets="hidden", listening=())
    assert verdict_of_engine("is_reached_by_few", hidden).outcome is Outcome.UNKNOWN
    for text in (printed(processes=0, words=[]), printed(processes=2), printed(words=[])):
        assert verdict_of_engine("is_set_up_soundly", text).outcome is Outcome.UNKNOWN
        assert numbers(verdict_of_engine("is_set_up_soundly", text)) == []
    assert verdict_of_engine("files_belong_to_root", with_file("config", "? ? ? ?")).outcome is Outcome.UNKNOWN
    assert verdict_of_engine("has_its_own_disk", printed(disks="unknown")).outcome is Outcome.UNKNOWN
    assert verdict_of_engine("is_reached_by_few", printed(acl=" unknown")).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("audit", "why"), [("absent", "no `auditctl`"), ("refused", "gave no answer"), ("", "gave no")]
)
def test_without_auditctl_what_is_recorded_is_unknown_with_the_reason(audit: str, why: str) -> None:
    verdict = verdict_of_engine("is_audited", printed(audit=audit))
    assert (verdict.outcome, numbers(verdict)) == (Outcome.UNKNOWN, [])
    [unknown] = verdict.unknown
    assert why in unknown.why


def test_where_there_is_no_such_file_its_ids_do_not_apply() -> None:
    few = printed(files=[row for row in FILES if row[0] in ("dockerd", "data", "socket", "/etc/docker")])
    verdict = verdict_of_engine("files_belong_to_root", few)
    assert (verdict.outcome, verdict.unknown) == (Outcome.HOLDS, ())
    assert len(verdict.parts) == 18
    assert "no key of the engine" in str(next(part for part in verdict.parts if "1.8:3.14" in part.cis).why)


def test_a_key_that_the_settings_name_and_nobody_saw_is_unknown() -> None:
    gone = printed(words=[*WORDS, "--tlskey=/root/key.pem"], files=[row for row in FILES if row[0] != "tlskey"])
    assert verdict_of_engine("files_belong_to_root", gone).outcome is Outcome.UNKNOWN


def test_a_tcp_address_with_certificates_is_right() -> None:
    words = [*WORDS, "-H", "tcp://0.0.0.0:2376", "--tlsverify"]
    assert verdict_of_engine("is_reached_by_few", printed(words=words)).outcome is Outcome.HOLDS


def test_in_a_swarm_live_restore_and_a_rootless_engine_do_not_apply() -> None:
    swarm = with_info(Swarm={"LocalNodeState": "active"}, LiveRestoreEnabled=False)
    assert verdict_of_engine("is_set_up_soundly", swarm).outcome is Outcome.HOLDS
    rootless = ASKED + "  rootless: true\n"
    assert numbers(verdict_of_engine("keeps_containers_apart", GOOD, rootless)) == ["2.1"]
    assert numbers(verdict_of_engine("keeps_containers_apart", swarm, rootless)) == []
    own = with_info(SecurityOptions=["name=rootless", "name=seccomp,profile=builtin", "name=no-new-privileges"])
    assert numbers(verdict_of_engine("keeps_containers_apart", own, rootless)) == []


@pytest.mark.parametrize(
    ("version", "word", "wrong"),
    [
        ("20.10.24+dfsg1", "--no-new-privileges", []),
        ("20.10.24+dfsg1", "--no-new-privileges=false", ["2.15"]),
        ("24.0.0", "--no-new-privileges", ["2.15"]),
    ],
)
def test_an_engine_that_cannot_say_whether_it_gives_no_new_privileges_is_believed_its_settings(
    version: str, word: str, wrong: list[str]
) -> None:
    info = {**INFO, "ServerVersion": version, "SecurityOptions": ["name=userns", "name=seccomp,profile=default"]}
    verdict = verdict_of_engine("keeps_containers_apart", printed(info=info, words=[*WORDS, word]))
    assert numbers(verdict) == wrong


def test_the_base_size_is_judged_with_devicemapper_alone() -> None:
    words = [*WORDS, "--storage-opt", "dm.basesize=50G"]
    assert "2.12" not in numbers(verdict_of_engine("is_set_up_soundly", printed(words=words)))
    mapper = printed(words=words, info={**INFO, "Driver": "devicemapper"})
    assert numbers(verdict_of_engine("is_set_up_soundly", mapper)) == ["2.12", "2.7"]


def test_an_empty_section_asks_for_level_1_without_any_line_of_policy() -> None:
    parts = [part for rule in RULES for part in verdict_of_engine(rule, GOOD, PLAIN).parts]
    reasons = {number: part.why for part in parts for number in part.cis}
    for number in LEVEL_2 & {each.number for each in ids_of_engine()}:
        assert "level 2" in str(reasons[in_editions(number)[-1]])
    broken = verdict_of_engine("asks_and_logs", with_info(Plugins={}, LoggingDriver="none"), PLAIN)
    assert broken.outcome is Outcome.NOT_APPLICABLE
    [warning] = verdict_of_engine("is_reached_by_few", GOOD, PLAIN).warnings
    assert warning.saw == "deploy may use the engine's socket"


def ids_of_engine() -> list[Any]:
    from fleetkeeper.topics.benchmark.catalog import load_catalog

    return [entry for entry in load_catalog() if entry.rule.startswith("engine.")]


def test_without_level_2_a_profile_of_the_engine_that_allows_is_found_by_5_22() -> None:
    """The level of the benchmark's own text: which profile is 2.18, that there is one 5.22."""
    first_level = ASKED.replace("level: 2", "level: 1")
    unconfined = with_info(SecurityOptions=["name=userns", "name=no-new-privileges", "name=seccomp,profile=unconfined"])
    verdict = verdict_of_engine("keeps_containers_apart", unconfined, first_level)
    assert ([finding.cis for finding in verdict.findings], verdict.outcome) == ([in_editions("5.22")], Outcome.FINDING)
    [entry] = [each for each in load_catalog() if each.number == "5.22"]
    policy = fleet_with_engine(parse_once(unconfined), first_level).inventory.wanted_benchmark
    [state] = states_of([entry], [verdict], ["here"], policy, date(2026, 12, 1))
    assert (state.standing, state.error) == ("wrong", True)


def test_what_the_benchmark_enforces_is_an_error() -> None:
    text = printed(bridge="{}")
    assert verdict_of_engine("keeps_containers_apart", text).outcome is Outcome.HOLDS
    enforced = ASKED + '  enforce: ["2.2"]\n'
    assert verdict_of_engine("keeps_containers_apart", text, enforced).outcome is Outcome.FINDING
    six = ASKED.replace("level: 2", "edition: 1.6\n  level: 2") + '  enforce: ["2.14"]\n'
    assert verdict_of_engine("keeps_containers_apart", without_security("no-new"), six).outcome is Outcome.FINDING


def test_a_waiver_of_one_id_leaves_the_others_of_its_rule() -> None:
    both = printed(files=[(role, path, "7 0 606 root" if role == "config" else stat) for role, path, stat in FILES])
    waived = ASKED + "waivers: [{rule: cis:3.17, until: 2099-01-01, owner: me, because: so}]\n"
    verdict = verdict_of_engine("files_belong_to_root", both, waived)
    assert [finding.cis for finding, _ in verdict.waived] == [in_editions("3.17")]
    assert numbers(verdict) == ["3.18"]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("facts", [Facts("absent"), Facts("podman")], ids=lambda facts: facts.engine)
def test_without_docker_s_engine_nothing_applies(rule: str, facts: Facts) -> None:
    verdict = judge_subject(RULES[rule], fleet_with_engine(facts), Subject("node", "here"))
    assert verdict.outcome is Outcome.NOT_APPLICABLE


def test_podman_is_known_by_its_answer_and_a_silent_engine_is_unknown() -> None:
    assert parse(with_info()).engine == "docker"
    assert parse(printed(info={"host": {}, "store": {}, "version": {}})).engine == "podman"
    with pytest.raises(Unobservable, match="nothing about an engine") as why:
        parse(printed(info={"ServerErrors": ["Cannot connect to the Docker daemon"]}))
    assert "Cannot connect" in why.value.hint


@pytest.mark.parametrize("change", [lambda text: text[:-6], lambda text: text[:200], lambda text: ""])
def test_an_answer_about_an_engine_that_was_cut_short_is_unknown(change: Callable[[str], str]) -> None:
    with pytest.raises(Unobservable, match="cut short"):
        parse(change(GOOD))


def test_an_inventory_that_does_without_the_benchmark_is_not_judged_by_it() -> None:
    verdict = verdict_of_engine("is_audited", GOOD, OLDER + "benchmark: {none: another team does}\n")
    assert (verdict.outcome, verdict.not_applicable) == (Outcome.NOT_APPLICABLE, "another team does")


class Link:
    """A link whose node has no engine."""

    def ask(self, commands: list[Command], room: int) -> list[Output]:
        assert commands == [inspect_engine()]
        return [Output(69)]


def test_one_constant_question_is_asked_in_one_round() -> None:
    assert list(TOPIC.root_questions()) == [inspect_engine().words]
    inventory = load_inventory(Path("mine.yml"), PLAIN)
    [observer] = TOPIC.observers
    seen = drive_in_lockstep({"engine": observer.observe(inventory.nodes["here"], inventory)}, Link())
    assert seen == {"engine": Facts("absent")}
    assert replace(seen["engine"], engine="docker") != seen["engine"]
