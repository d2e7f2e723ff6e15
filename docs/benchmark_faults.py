"""The page about the lab's faults that the CIS Docker Benchmark names, from the faults and the catalog."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.topics.benchmark.catalog import Entry, load_catalog
from lab.faults import FAULTS

SECTIONS = ("1", "2", "3", "5", "7")
ALWAYS = {
    "2.2", "2.3", "2.10", "2.13", "2.14", "2.17", "5.11", "5.12", "5.13", "5.15", "5.24", "5.27", "5.29", "7.2", "7.3",
    "7.4", "7.5", "7.9",
}  # fmt: skip
"""What is wrong in the lab as it is."""
WHY_NONE = {
    "1.1.1": "the engine's data would have to move while it is stopped",
    "1.1.": "the kernel's audit belongs to the machine below the lab",
    "1.2.1": "only a person can say it",
    "1.2.2": "the lab has one version of the engine; `benchmark: {engine_at_least: …}` shows it",
    "2.1": "a rootless engine has no networks between nodes, which a swarm needs",
    "2.6": "Debian's engine has no aufs any more",
    "2.7": "devicemapper would hide all images",
    "2.9": "needs limits that the inventory asks for (`benchmark: {default_ulimits: […]}`)",
    "2.12": "only devicemapper has a base size",
    "2.16": "in a swarm the engine does not start with live restore",
    "3.1": "no systemd runs on the lab's nodes", "3.2": "no systemd runs on the lab's nodes",
    "3.3": "no systemd runs on the lab's nodes", "3.4": "no systemd runs on the lab's nodes",
    "5.1": "the lab is a swarm that is needed",
    "5.2": "a node of the lab has no AppArmor", "5.3": "a node of the lab has no SELinux",
    "5.9": "needs the ports that services may publish (`benchmark: {ports: …}`)",
    "5.23": "only a person can say it", "5.28": "only a person can say it",
    "5.31": "the engine maps no users, and mapping them would hide all images",
    "7.1": "a second manager cannot be taken away safely: the swarm lost its leader when its engine was started again",
    "7.6": "only a person can say it",
    "7.8": "the swarm's authority is as young as the lab (`benchmark: {swarm_ca_age: …}`)",
}  # fmt: skip


def benchmark_faults_page() -> str:
    """The page: each number of the sections that the lab can show, with the faults that break it, or why none does."""
    return "\n".join(page_lines()) + "\n"


def page_lines() -> Iterator[str]:
    """The lines of the page."""
    yield "# The lab's faults by the CIS Docker Benchmark"
    yield ""
    yield "`python -m lab break NAME` breaks it, `mend` mends it; a test holds each to exactly its numbers. Generated"
    yield "by `make docs`. Sections 4 and 6 are about images and order, which the lab builds itself."
    yield ""
    yield "| 1.6 | 1.8 | what holds | fault |"
    yield "|---|---|---|---|"
    for entry in load_catalog():
        if entry.section in SECTIONS:
            yield f"| {entry.before or 'none'} | {entry.number} | {entry.title} | {shown_by(entry)} |"


def shown_by(entry: Entry) -> str:
    """The faults that break a number; that it is broken in the lab as it is; or why no fault breaks it."""
    names = [f"`{name}`" for name, fault in FAULTS.items() if entry.number in fault.numbers]
    words = [*names, *(["wrong in the lab as it is"] if entry.number in ALWAYS else [])]
    return ", ".join(words) or f"none: {why_none(entry.number)}"


def why_none(number: str) -> str:
    """Why no fault breaks a number. Raises KeyError for one of which nothing is said."""
    return WHY_NONE.get(number) or WHY_NONE[f"{number.rpartition('.')[0]}."]
