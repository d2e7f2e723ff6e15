"""What a node answers is damaged in every way: that is unknown, never a crash, and costs no more than it must."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from fleetkeeper.readers import nginx, tls_handshakes
from fleetkeeper.readers.cron import snapshot
from fleetkeeper.readers.json_documents import MOST_ELEMENTS, json_document, json_documents
from fleetkeeper.readers.nginx import tokenize
from fleetkeeper.topics.backups.database.observe import parse_clusters
from fleetkeeper.topics.backups.parse import parse_entries, parse_listing
from fleetkeeper.topics.backups.second_copy import observe as copies
from fleetkeeper.topics.certificates.parse import parse as parse_inside
from fleetkeeper.topics.containers import account_files, parse, preflight, process_scan
from fleetkeeper.topics.containers.facts import Container, Mount
from fleetkeeper.topics.nodes.parse import printed_number, read_clock, timezone_name
from fleetkeeper.topics.schedules.facts import Facts as Schedules
from fleetkeeper.topics.services.parse import parse as parse_services
from fleetkeeper.topics.services.parse import remote_mounts
from fleetkeeper.topics.volumes.parse import parse as parse_volumes
from fleetkeeper.transport.commands import Output, Unobservable
from tests.example_fleets.schedules import GOOD, File, Machine
from tests.helpers.processor_time import work_of
from tests.pure.topics.certificates.test_observation import DUMP, ODD, PRINTED

INSPECTED = (Path(__file__).parents[2] / "fixtures" / "docker" / "inspect-20.10.json").read_text()
FIRST, SECOND = "a" * 64, "b" * 64
THERE = [Container(FIRST, "db", pid=7), Container(SECOND, "web", pid=20)]
SWARM = """{"LocalNodeState":"active","NodeID":"n1","ControlAvailable":true}
[{"Name": "v", "Driver": "local", "Mountpoint": "/var/lib/docker/volumes/v/_data", "Options": {"type": "nfs"}}]
{"NodeCertificate": ""}
[{"ID": "n1", "Spec": {"Role": "manager", "Labels": {"queue": "gpu"}}, "Description": {"Hostname": "vgpu"}}]
[{"ID": "s1", "Version": {"Index": 12}, "Spec": {"Name": "db", "Mode": {"Replicated": {"Replicas": 1}},
  "TaskTemplate": {"ContainerSpec": {"Image": "x", "Mounts": [{"Type": "volume", "Source": "v", "Target": "/d"}]}},
  "EndpointSpec": {"Ports": [{"TargetPort": 80, "PublishedPort": 8080}]}}}]
{"Name": "db.1", "Node": "vgpu", "DesiredState": "Running", "CurrentState": "Running 3 hours ago", "Error": ""}
"""


def shown_text(pid: int, uid: int, container: str) -> str:
    status = {"Name": "app", "State": "S (sleeping)", "PPid": 1, "Uid": f"{uid}\t{uid}\t{uid}\t{uid}", "NoNewPrivs": 0}
    rows = [f"/proc/{pid}/status:{key}:\t{value}" for key, value in status.items()]
    return "\n".join(
        [*rows, f"/proc/{pid}/uid_map:{0:10d} {0:10d} {4294967295:10d}", f"/proc/{pid}/cgroup:0::/{container}\n"]
    )


SCAN = shown_text(7, 999, FIRST) + shown_text(8, 999, FIRST) + shown_text(20, 33, SECOND)
WHOLE: dict[str, tuple[str, Callable[[str], object]]] = {
    "docker inspect": (INSPECTED, parse.parse_containers),
    "start words": (INSPECTED, preflight.start_words),
    "swarm": (SWARM, lambda text: parse_services(text, ())),
    "scan of /proc": (SCAN, lambda text: process_scan.by_container(out(text), THERE)),
    "accounts": ("=7\n root:0\n postgres:999\n\n=8\n!ended\n", lambda text: account_files.parse_accounts(out(text))),
    "preflight": (
        "who 33 33\nmount\n1\n 0:0 600 /srv/x\n",
        lambda text: preflight.parse_access(text, [Mount("bind", "/srv", "/d")]),
    ),
    "ports": (
        "floor 1024\nport 0050\nport 1F40\nhelper gosu\n",
        lambda text: (preflight.low_ports(text), preflight.parse_helpers(text)),
    ),
    "mounts": ("nas:/b /srv/my\\040data nfs4 rw 0 0\n", lambda text: remote_mounts(out(text))),
    "schedules": (Machine(GOOD).printed().decode(), snapshot.read),
    "container": (PRINTED, lambda text: parse_inside(text, "id", "nginx")),
    "nginx": (DUMP, lambda text: nginx.read_configuration(0, text)),
    "odd nginx": (ODD, lambda text: nginx.read_configuration(0, text)),
    "nginx complaint": (
        'nginx: [emerg] unknown directive "x" in /etc/nginx/nginx.conf:3\n',
        lambda text: nginx.read_configuration(1, text),
    ),
    "handshake": (
        "Certificate chain\n0 s:CN = x\nServer certificate\nNew, TLSv1.3, Cipher is X\n",
        lambda text: [item(out(text)) for item in (tls_handshakes.handshake, tls_handshakes.old_protocols)],
    ),
    "headers": (
        "HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=315\r\n\r\n",
        lambda text: tls_handshakes.max_age(out(text)),
    ),
    "status": ("404\n", lambda text: tls_handshakes.status(out(text))),
    "clock": ("1764000000.250000000 -0500\n", read_clock),
    "who": ("0\n", lambda text: (printed_number(out(text)), timezone_name(out(text)))),
    "volume": ("at /v\ndisk 1000 400\ninodes 0 0\nentries 3\n24\t.\n20\t./a\n", lambda text: parse_volumes(out(text))),
    "copies": ("2048 65024 \0", lambda text: copies.parse_copies(out(text))),
    "digests": ("e3b0 ./backup_1.sql.gz\n", lambda text: copies.parse(out(text))),
    "cluster": (
        "cluster f00\nsystem 7575134923612332072\ndirectory /d\nrows 120 auth_user\n",
        lambda text: parse_clusters(out(text)),
    ),
    "listing": ("/v\n\0f 2000 1764000000.5 7 1 1 0 8 1764000000.5/a.sql.gz\0", lambda text: parse_listing(out(text))),
}
CAUGHT = (Unobservable, ValueError, LookupError)
"""What a topic, or the look, turns into unknown with words. Anything else is a stumble."""
HOSTILE = [
    "\0",
    "\r",
    "\v",
    "\x85",
    "\u2028",
    "\ud800",
    "\u0664",
    "\u00b2",
    "-1",
    "nan",
    "1e999",
    "NaN",
    "Infinity",
    "9" * 50,
    "9" * 5000,
    "253402300800",
    "18446744073709551616",
    "null",
    "true",
    "[]",
    "{}",
    '""',
    "[" * 3000,
    '{"a":' * 3000,
    "$(" * 3000,
    '"$("' * 999,
    " " * 2000,
    "\n" * 50,
    ":",
    "|",
    "!",
    "=",
    "\\",
    "'",
    '"',
    "{",
    "}",
    ";",
    "%",
    "0x10",
    "1_000",
    "\u202e",
]


def out(text: str) -> Output:
    return Output(0, text.encode("utf-8", "surrogateescape" if text.isprintable() else "surrogatepass"), received=1.0)


@st.composite
def damaged(draw: st.DrawFn, text: str) -> str:
    """The text with one or two places of it taken out, doubled, moved or replaced by something hostile."""
    for _ in range(draw(st.integers(1, 2))):
        at, length = draw(st.integers(0, len(text))), draw(st.integers(0, 30))
        new = draw(st.sampled_from([*HOSTILE, text[at : at + length] * 2, ""]) | st.text(max_size=6))
        text = text[:at] + new + text[at + length :]
    return text


@pytest.mark.parametrize("name", WHOLE)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_a_damaged_answer_is_an_answer_or_unknown_and_never_a_stumble(name: str, data: st.DataObject) -> None:
    text, parse = WHOLE[name]
    with suppress(*CAUGHT):
        parse(data.draw(damaged(text)))


@pytest.mark.parametrize("name", WHOLE)
def test_something_hostile_in_place_of_a_whole_answer_is_no_stumble(name: str) -> None:
    text, parse = WHOLE[name]
    for hostile in HOSTILE:
        for message in (hostile, text + hostile, hostile + text):
            with suppress(*CAUGHT):
                parse(message)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_damaged_process_costs_its_own_container_or_makes_all_unknown(data: st.DataObject) -> None:
    before = process_scan.by_container(out(SCAN), THERE)
    assert isinstance(before, dict)
    text = data.draw(damaged(shown_text(7, 999, FIRST)))
    assume(SECOND not in text and "/proc/20" not in text)
    try:
        after = process_scan.by_container(
            out(text + "\n" * (not text.endswith("\n")) + shown_text(20, 33, SECOND)), THERE
        )
    except CAUGHT:
        return
    assert isinstance(after, Unobservable) or after[SECOND] == before[SECOND]


MALLORY = "/var/spool/cron/crontabs/mallory"
[HOME] = GOOD


def facts_seen(printed: bytes) -> Schedules:
    machine = Machine(GOOD, users=("root", "mallory"))
    object.__setattr__(machine, "printed", lambda: printed)
    return machine.seen()


@pytest.mark.parametrize(
    "line",
    [
        'docker exec "' + '$("' * 3000 + "x",
        "docker exec " + '"$(' * 300 + "x" + ')"' * 300 + " backup",
        "(" * 900 + " backup",
        "sudo " * 180 + "docker exec pg backup",
        "eval " * 150 + "docker exec pg backup",
        "docker exec $(docker ps -qf name='(.+)+!') backup",
        "`" * 401 + " backup",
        "{ " * 400 + "docker exec pg backup",
        "<<x " * 200 + "docker exec pg backup",
        "a\u2028docker exec pg backup",
    ],
)
def test_whatever_any_user_writes_into_a_crontab_costs_that_line_alone(line: str) -> None:
    alone = Machine(GOOD).seen()
    beside = Machine({**GOOD, MALLORY: File(f"0 0 * * * {line}\n", owner=1000)}, users=("root", "mallory")).seen()
    assert [entry for entry in beside.entries if entry.place != MALLORY] == list(alone.entries)
    assert beside.cron == alone.cron


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_damaged_file_of_somebody_costs_no_other_entry(data: st.DataObject) -> None:
    files = {MALLORY: File("0 0 * * * docker exec pg backup\n", owner=1000)}
    theirs = Machine(files, users=()).printed().decode().partition("uid")[0].partition("docker /")[0]
    rest = Machine(GOOD, users=("root", "mallory")).printed()
    text = data.draw(damaged(theirs).filter(lambda text: HOME not in text))
    assume(
        not any(row.startswith(("timer", "service", "cron", "account", "boot", "docker")) for row in text.split("\n"))
    )
    match = facts_seen(text.encode("utf-8", "surrogatepass") + b"\n" + rest)
    mine = [entry for entry in match.entries if entry.place == HOME]
    assert [item.target for item in mine] == [entry.target for entry in Machine(GOOD).seen().entries]


def test_a_crontab_of_ten_thousand_settings_and_jobs_is_read_as_far_as_it_makes_sense() -> None:
    content = "".join(f"A{n}=x\n0 0 * * * docker exec pg backup\n" for n in range(5000))
    match = Machine({**GOOD, MALLORY: File(content, owner=1000)}, users=("root", "mallory")).seen()
    assert any(suspect.place == MALLORY and "larger than what is read" in suspect.why for suspect in match.suspects)
    assert [entry.place for entry in match.entries if entry.place != MALLORY] == [HOME]


# documents


@pytest.mark.parametrize(
    "text", ["[" + "{}," * MOST_ELEMENTS + "{}]", "{}\n" * (MOST_ELEMENTS + 1), '[1,"a:"],' * MOST_ELEMENTS]
)
def test_more_elements_than_a_node_can_have_are_not_parsed(text: str) -> None:
    with pytest.raises(Unobservable, match="elements"):
        list(json_documents(text, "docker"))


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000, "[" * 900 + "]" * 900 + "[" * 100_000])
def test_what_is_nested_too_deep_is_unknown(text: str) -> None:
    with pytest.raises(Unobservable, match=r"nested too deep|not JSON"):
        list(json_documents(text, "docker"))


@pytest.mark.parametrize("text", ["", "  ", "{} {}", "[1", "NaN", "[Infinity]", '{"a": 1e}', "[" + "1" * 5000 + "]"])
def test_what_is_not_one_document_is_unknown(text: str) -> None:
    with pytest.raises(Unobservable):
        json_document(text, "docker")


def test_many_documents_take_twice_as_long_for_twice_as_many() -> None:
    once, twice = (work_of(lambda size=size: list(json_documents("{}\n" * size, "x"))) for size in (40_000, 80_000))
    assert twice < 4 * once


@pytest.mark.parametrize(
    ("key", "odd"),
    [
        ("Privileged", "false"),
        ("CapAdd", "ALL"),
        ("CapAdd", [1]),
        ("NetworkMode", ["host"]),
        ("Devices", ["/dev/sda"]),
    ],
)
def test_a_field_of_another_kind_is_unknown_and_never_taken_for_a_fault(key: str, odd: Any) -> None:
    document = {"Id": "4f", "Name": "/db", "State": {"Status": "running", "Pid": 7}, "HostConfig": {key: odd}}
    with pytest.raises(Unobservable, match=key):
        parse.parse_containers(json.dumps([document]))


def test_a_directory_of_too_many_files_is_unknown_before_they_are_read() -> None:
    with pytest.raises(Unobservable, match="more than 200000 files"):
        list(parse_entries(b"/\0" * 200_001))


def test_a_configuration_of_too_many_words_is_unknown() -> None:
    with pytest.raises(Unobservable, match="more than 200000 words"):
        list(tokenize(";" * 200_002))
