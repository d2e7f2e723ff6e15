"""Engine: how its command line, its sockets and the kernel's rules are read, where a quick reading says too little."""

from __future__ import annotations

import json

import pytest

from fleetkeeper.judging.verdicts import Outcome
from fleetkeeper.topics.engine.audit_rules import is_watched, parse_watches
from fleetkeeper.topics.engine.parse import parse
from tests.pure.topics.test_engine import (
    ASKED,
    FILES,
    INFO,
    SETTINGS,
    WORDS,
    numbers,
    printed,
    verdict_of_engine,
    with_info,
)

DOCKER = ["-w /etc/docker -p wa -k docker"]


@pytest.mark.parametrize(
    "words",
    [("-Htcp://0.0.0.0:2375",), ("-H=tcp://:2375",), ("-DH", "tcp://:2375"), ("-H", "0.0.0.0:2375"), ("-H", ":2375")],
)
def test_a_tcp_address_is_seen_however_it_is_written(words: tuple[str, ...]) -> None:
    assert numbers(verdict_of_engine("is_reached_by_few", printed(words=[*WORDS, *words]))) == ["2.8"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("2.4", ("--iptables=0",)),
        ("2.4", ("--iptables=F",)),
        ("2.3", ("--log-level=info", "--log-level=error")),
        ("2.3", ("-lerror",)),
        ("2.17", ("--userland-proxy=T",)),
        ("2.11", ("--cgroup-parent=", "--cgroup-parent", "other.slice")),
    ],
)
def test_switches_are_read_as_dockerd_reads_them_and_the_last_of_two_counts(
    number: str, words: tuple[str, ...]
) -> None:
    assert numbers(verdict_of_engine("is_set_up_soundly", printed(words=[*WORDS, *words]))) == [number]


def test_a_switch_that_is_off_by_a_number_is_off() -> None:
    words = [*WORDS, "--userland-proxy=0", "--iptables=1", "--", "--iptables=0"]
    assert numbers(verdict_of_engine("is_set_up_soundly", printed(words=words))) == []


def test_a_port_on_which_dockerd_listens_for_no_known_reason_is_unknown() -> None:
    listening = ("unix /run/docker.sock", "tcp 00000000:0947")
    assert verdict_of_engine("is_reached_by_few", printed(listening=listening)).outcome is Outcome.UNKNOWN
    metrics = printed(listening=listening, words=[*WORDS, "--metrics-addr=127.0.0.1:2375"])
    assert verdict_of_engine("is_reached_by_few", metrics).outcome is Outcome.HOLDS
    in_swarm = {**INFO, "Swarm": {"LocalNodeState": "active"}}
    members = ("unix /run/docker.sock", "tcp 00000000:0949", "tcp 00000000000000000000000000000000:1F0A")
    swarm = printed(listening=members, info=in_swarm)
    assert verdict_of_engine("is_reached_by_few", swarm).outcome is Outcome.HOLDS
    assert verdict_of_engine("is_reached_by_few", printed(listening=members)).outcome is Outcome.UNKNOWN


def test_a_group_that_nobody_can_name_leaves_open_who_reaches_the_engine() -> None:
    hidden = printed().replace("=group 999", "=group ?").replace("\n deploy\n", "\n")
    verdict = verdict_of_engine("is_reached_by_few", hidden)
    assert (verdict.outcome, numbers(verdict)) == (Outcome.UNKNOWN, [])


def test_a_bridge_that_the_engine_did_not_show_is_unknown_and_none_does_not_apply() -> None:
    hidden = printed().replace("=bridge\n", "=bridge unknown\n")
    assert verdict_of_engine("keeps_containers_apart", hidden).outcome is Outcome.UNKNOWN
    assert verdict_of_engine("keeps_containers_apart", printed(bridge="")).unknown == ()


def test_podman_that_docker_s_own_client_asks_is_podman() -> None:
    assert parse(with_info(ServerVersion="5.6.2", ProductLicense="Apache-2.0")).engine == "podman"
    assert parse(with_info(ProductLicense="Community Engine")).engine == "docker"


@pytest.mark.parametrize(
    "silent",
    [
        "-a never,task",
        "-a task,never",
        "-a never,exit -S all",
        "-a never,exit -F dir=/etc -F perm=wa",
        "-a exit,never -F arch=b64 -S all -F path=/etc/docker",
        "-anever,exit -Fdir=/etc -Fperm=wa",
        "-a never,exit -F arch!=b32 -S all -F dir=/etc",
        "-a never,exit -F arch=x86_64 -F dir=/etc/docker",
    ],
)
def test_a_rule_that_never_records_silences_those_behind_it(silent: str) -> None:
    assert not is_watched("/etc/docker/daemon.json", parse_watches([silent, *DOCKER]))


@pytest.mark.parametrize(
    "harmless",
    [
        "-a never,exit -F dir=/srv",
        "-a never,exit -F path=/etc/docker -F perm=r",
        "-a never,exit -S all -F auid=1000",
        "-a never,exclude -F msgtype=CWD",
        "-a never,filesystem -F fstype=tracefs",
        "-a never,task -F auid=1000",
    ],
)
def test_a_rule_that_silences_something_else_leaves_the_watch(harmless: str) -> None:
    assert is_watched("/etc/docker/daemon.json", parse_watches([harmless, *DOCKER]))


def test_order_decides_which_rule_counts() -> None:
    late = "-a never,exit -F dir=/etc/docker"
    assert is_watched("/etc/docker/daemon.json", parse_watches([*DOCKER, late]))
    assert not is_watched("/etc/docker/daemon.json", parse_watches([*DOCKER, late.replace("-a", "-A")]))


@pytest.mark.parametrize(
    "partial",
    [
        "-a always,exit -F arch=b32 -S all -F path=/usr/bin/dockerd -F perm=wa",
        "-a always,exit -C auid!=obj_uid -F path=/usr/bin/dockerd -F perm=wa",
        "-a always,exit -S open,openat -F path=/usr/bin/dockerd -F perm=wa",
        "-a always,exit -F path!=/usr/bin/dockerd -F perm=wa",
        "-a always,exit -F path=/usr/bin/dockerd -F perm=wa -F success=0",
        "-a always,exit -F arch=i386 -S all -F path=/usr/bin/dockerd -F perm=wa",
        "-a always,exit -F arch=40000003 -F path=/usr/bin/dockerd -F perm=wa",
        "-a always,exit -F path=/usr/bin/dockerd -F perm=wa -F auid>1000",
        "-a always,exit -F path=/usr/bin/dockerd -F perm=wa -F auid>=1000 -F auid!=unset",
        "-a always,exit -F path=/usr/bin/dockerd -F perm=wa -F a0&4",
        "-a always,exit -Cauid!=obj_uid -F path=/usr/bin/dockerd -F perm=wa",
    ],
)
def test_a_rule_that_records_only_some_of_what_happens_is_none(partial: str) -> None:
    assert not is_watched("/usr/bin/dockerd", parse_watches([partial]))


def test_two_rules_record_together_what_each_leaves_out() -> None:
    both = ["-w /usr/bin/dockerd -p w -k a", "-a always,exit -F arch=b64 -F path=/usr/bin/dockerd -F perm=ax -k b"]
    assert is_watched("/usr/bin/dockerd", parse_watches(both))
    assert not is_watched("/usr/bin/dockerd", parse_watches(both[:1]))


@pytest.mark.parametrize(
    "rule",
    [
        "-w/etc/docker -pwa -kdocker",
        "-w /etc/docker/ -p wa",
        "-w /etc/docker",
        "-a always,exit -F arch=b64 -S all -F dir=/etc/docker -F perm=wa -F key=docker",
        "-a exit,always -Farch=x86_64 -Fdir=/etc/docker -Fperm=rwxa",
    ],
)
def test_a_rule_counts_however_it_is_written(rule: str) -> None:
    assert is_watched("/etc/docker/daemon.json", parse_watches([rule]))


def test_a_rule_about_the_path_of_a_directory_is_about_what_is_in_it_only_as_a_watch() -> None:
    assert is_watched("/etc/docker", parse_watches(["-w /etc/docker -p wa"]), directory=True)
    assert not is_watched(
        "/etc/docker", parse_watches(["-a always,exit -F path=/etc/docker -F perm=wa"]), directory=True
    )


@pytest.mark.parametrize(
    ("words", "settings", "wrong"),
    [
        (["--tls"], {}, True),
        (["--tls=true", "--tlsverify=false"], {}, True),
        ([], {"tls": True}, True),
        ([], {"tls": True, "tlsverify": False}, True),
        ([], {"tlsverify": True}, False),
        (["--tlsverify"], {"tls": True}, False),
        (["--tlsverify=0"], {"tls": True}, True),
    ],
)
def test_tls_without_certificates_of_those_who_connect_is_open_to_all(
    words: list[str], settings: dict[str, bool], wrong: bool
) -> None:
    text = printed(words=[*WORDS, "-H", "tcp://0.0.0.0:2376", *words], settings=json.dumps({**SETTINGS, **settings}))
    assert numbers(verdict_of_engine("is_reached_by_few", text)) == (["2.8"] if wrong else [])


UNIX = [*WORDS[:1], "-H", "unix:///run/docker.sock"]


@pytest.mark.parametrize(
    ("words", "group", "unit_group", "owned", "right"),
    [
        (WORDS, None, "docker", "0 999 660 docker", True),
        (WORDS, None, "999", "0 999 660 docker", True),
        (WORDS, None, "999", "0 999 660 UNKNOWN", True),
        (WORDS, None, "ops", "0 1001 660 ops", True),
        (WORDS, "ops", "docker", "0 1001 660 ops", False),
        (WORDS, "ops", None, "0 1001 660 ops", True),
        (WORDS, None, "", "0 0 660 root", True),
        (UNIX, "999", "docker", "0 999 660 docker", True),
        (UNIX, "999", "docker", "0 999 660 UNKNOWN", True),
        (UNIX, "ops", "docker", "0 999 660 docker", False),
        (UNIX, None, "ops", "0 999 660 docker", True),
        (UNIX, None, "ops", "0 998 660 UNKNOWN", False),
        ([*UNIX, "-G", "998"], None, None, "0 998 660 UNKNOWN", True),
    ],
)
def test_a_socket_has_the_group_of_whoever_makes_it_by_name_or_number(
    words: list[str], group: str | None, unit_group: str | None, owned: str, right: bool
) -> None:
    files = [(role, path, owned if role == "socket" else stat) for role, path, stat in FILES]
    settings = json.dumps({**SETTINGS, **({} if group is None else {"group": group})})
    text = printed(words=words, settings=settings, unit_group=unit_group, files=files)
    assert numbers(verdict_of_engine("is_reached_by_few", text)) == ([] if right else ["3.15"])


def test_the_socket_of_a_rootless_engine_belongs_to_its_user() -> None:
    files = [(role, path, "1000 1000 660 ops" if role == "socket" else stat) for role, path, stat in FILES]
    text = printed(files=files, info={**INFO, "SecurityOptions": [*INFO["SecurityOptions"], "name=rootless"]})
    verdict = verdict_of_engine("is_reached_by_few", text)
    assert numbers(verdict) == []
    assert "1.8:3.15" in {part.cis[-1] for part in verdict.parts}


def test_settings_whose_group_is_no_text_are_unknown() -> None:
    text = printed(words=UNIX, settings=json.dumps({**SETTINGS, "group": 999}))
    assert verdict_of_engine("is_reached_by_few", text).outcome is Outcome.UNKNOWN


FILE = {**INFO, "SecurityOptions": ["name=seccomp,profile=/etc/x.json", "name=userns", "name=no-new-privileges"]}
TEXT = '"defaultAction": "SCMP_ACT_ERRNO"'


@pytest.mark.parametrize(
    ("seccomp", "wrong", "dark"),
    [
        (("read", TEXT), [], False),
        (("read", '"DefaultAction" : "SCMP_ACT_ALLOW"'), ["2.18", "5.22"], False),
        (("read", '"defaultAction":"SCMP_ACT_LOG"'), ["2.18", "5.22"], False),
        (("read", TEXT, TEXT), [], True),
        (("read", '"defaultAction":"ELSE"'), [], True),
        (("read",), [], True),
        (("unread",), [], True),
        (("newer",), [], True),
        ((), [], True),
    ],
)
def test_the_engine_s_own_profile_of_seccomp_is_one_by_its_default_action(
    seccomp: tuple[str, ...], wrong: list[str], dark: bool
) -> None:
    named = ASKED + "  seccomp_profile: /etc/x.json\n"
    verdict = verdict_of_engine("keeps_containers_apart", printed(info=FILE, seccomp=seccomp), named)
    assert (numbers(verdict), verdict.outcome is Outcome.UNKNOWN) == (wrong, dark)
