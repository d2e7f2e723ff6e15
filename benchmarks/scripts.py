"""The same five observations, written as each tool wants them: files below the servers' folder."""

from __future__ import annotations

import shlex
from pathlib import Path

from benchmarks.servers import DELAYED, OBSERVATIONS, PORT, BenchmarkServers, loopback_addresses

TOPIC = '''"""What is asked of every node, as a topic of a team's own."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from fleetkeeper.transport.commands import Command
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.looking.observer import Look, Observer
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Rule, Subject, each_node
from fleetkeeper.inventory.schema import Node
from fleetkeeper.topics.protocol import Topic

WORDS = {words}


@dataclass(frozen=True)
class Facts:
    """Five lines."""

    topic: ClassVar[str] = "five"
    said: tuple[str, ...]


def observe(node: Node, inventory: Inventory) -> Look:
    answers = yield [Command(words) for words in WORDS]
    return Facts(tuple(answer.text() for answer in answers))


def judged(number: int):
    def judge(fleet: Fleet, subject: Subject) -> Iterator[Finding]:
        """The node answers."""
        if not fleet.of(subject.name, Facts).said[number]:
            yield Finding(saw="nothing", want="an answer", node=subject.name)

    judge.__name__ = f"answers_{{number}}"
    return judge


RULES = tuple(
    Rule(topic="five", judge=judged(number), each=each_node, looks_at=(Facts,), person="a benchmark")
    for number in range(len(WORDS))
)
TOPIC = Topic("five", observers=(Observer(Facts, observe),), rules=RULES)
'''
CHECK = """from fleetkeeper.promises import promise


@promise("five.answers_{number}")
def test_answers_{number}(verdict):
    assert verdict.holds


"""
ONLY_FIVE = '''"""Leaves our own topics out of the look, so that it asks what the other tools ask. Loaded with -p."""


def pytest_collection_modifyitems(items):
    from fleetkeeper.topics import registry

    registry.TOPICS.clear()
'''
TESTINFRA = "def test_answers_{number}(host):\n    assert host.check_output({line!r})\n\n\n"
INVENTORY = """known_hosts: {known_hosts}
services: {{none: a benchmark}}
backups: {{none: a benchmark}}
certificates: {{none: a benchmark}}
topics: [./five.py]
nodes:
"""
PYINFRA = """from pyinfra import host
from pyinfra.facts.server import Command

for line in {lines!r}:
    assert host.get_fact(Command, line)
"""
ANSIBLE_CONFIG = """[ssh_connection]
pipelining = {pipelining}
ssh_args = -C -o ControlMaster=auto -o ControlPersist=60s -F {config}
"""
"""Ansible's defaults (five forks, one master a node, the interpreter found by itself), with and without the pipelining
that its documentation recommends; -F names the keys of the servers."""


def port_of_case(*, delayed: bool) -> int:
    return DELAYED if delayed else PORT


def case_folder(servers: BenchmarkServers, number: int, *, delayed: bool) -> Path:
    """The folder with everything for so many nodes, written now if it is not there."""
    folder = servers.folder / f"{number}{'-delayed' if delayed else ''}"
    if not folder.exists():
        folder.mkdir()
        for name, text in tool_files(servers, loopback_addresses(number), port_of_case(delayed=delayed)).items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
    return folder


def inventory_text(servers: BenchmarkServers, nodes: list[str], at: int, connection: str) -> str:
    """Our inventory of the nodes."""
    more = f"port: {at}, identity: {servers.identity}, connection: {connection}"
    return INVENTORY.format(known_hosts=servers.known_hosts) + "".join(
        f"  n{node}: {{address: {node}, {more}}}\n" for node in nodes
    )


def tool_files(servers: BenchmarkServers, nodes: list[str], at: int) -> dict[str, str]:
    """Every tool's files, by their names below the folder of a case."""
    lines = [shlex.join(words) for words in OBSERVATIONS]
    settings = {"ssh_user": "root", "ssh_port": at, "ssh_key": str(servers.identity)}
    settings["ssh_known_hosts_file"] = str(servers.known_hosts)
    playbook = "".join(f"    - command: {line}\n" for line in lines)
    return {
        "nodes": "".join(f"{node}\n" for node in nodes),
        "five.py": TOPIC.format(words=repr(OBSERVATIONS)),
        "inventory.yml": inventory_text(servers, nodes, at, "''"),
        "openssh.yml": inventory_text(servers, nodes, at, "ssh"),
        "only_five.py": ONLY_FIVE,
        "pytest.ini": "[pytest]\naddopts = --import-mode=importlib\n",
        "ours/test_five.py": "".join(CHECK.format(number=number) for number in range(len(lines))),
        "theirs/test_hosts.py": "".join(
            TESTINFRA.format(number=number, line=line) for number, line in enumerate(lines)
        ),
        "ssh_config": servers.ssh_config.read_text() + f"    Port {at}\n",
        "usual_config": servers.usual_config.read_text() + f"    Port {at}\n",
        "pyinfra_inventory.py": f"nodes = {[(node, settings) for node in nodes]!r}\n",
        "pyinfra_deploy.py": PYINFRA.format(lines=lines),
        "ansible.ini": "".join(f"{node} ansible_port={at} ansible_user=root\n" for node in nodes),
        "ansible.yml": f"- hosts: all\n  gather_facts: false\n  tasks:\n{playbook}",
        "ansible.cfg": ANSIBLE_CONFIG.format(config=servers.usual_config, pipelining=True),
        "ansible_as_it_comes.cfg": ANSIBLE_CONFIG.format(config=servers.usual_config, pipelining=False),
    }
