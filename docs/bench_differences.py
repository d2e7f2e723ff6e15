"""The page about docker-bench-security: where its verdicts and ours can differ, and why; and how two results compare.

Read for it: docker/docker-bench-security, commit ff26d67 of 2024-10-21, which judges edition 1.6.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fleetkeeper.topics.benchmark.catalog import Entry, load_catalog

AGREED = {
    ("PASS", "holds"), ("WARN", "wrong"), ("WARN", "waived"),
    *((manual, ours) for manual in ("INFO", "NOTE") for ours in ("unknown", "attested", "not applicable")),
}  # fmt: skip
"""What docker-bench says, and what we say, where both mean the same."""
GENERAL: dict[tuple[str, str], str] = {
    ("PASS", "wrong"): "We look at more, or at what really runs: see the id.",
    ("PASS", "waived"): "As above; somebody accepts it until a day.",
    ("PASS", "unknown"): "It takes what it cannot see for right; we say that it was not seen.",
    ("PASS", "not applicable"): "It prints PASS for what does not apply.",
    ("PASS", "attested"): "A person answers for it here.",
    ("WARN", "attested"): "It warns of what it cannot see; so do we, until a person answers for it.",
    ("WARN", "unknown"): "It takes what it cannot see for wrong; we say that it was not seen.",
    **{
        (manual, ours): "It has no verdict of its own (INFO, NOTE); we judge it."
        for manual in ("INFO", "NOTE")
        for ours in ("holds", "wrong", "waived")
    },
}
"""Why verdicts differ in a way that is the same for every id."""
BRIDGE = "It reads daemon.json and the command line; we read what the network itself says."
SETTING = "It reads daemon.json and the newest process with `dockerd` in its text, with blanks in options missed."
SWARM = "It judges a swarm as a single host; what a swarm needs, or cannot have, it warns about."
WORKER = "On a worker nothing of the swarm can be read; we judge the swarm once, from a manager."
WHOLE = "It warns about all images and containers, base images and its own included."
FALSE_WARNINGS: dict[str, str] = {
    "1.1.1": "`mountpoint` is asked inside a container or a rootless engine's namespace.",
    "1.1.2": "It takes every member of the group `docker` for a doubtful one; the inventory names them.",
    "1.1.7": "The unit lies there and nothing reads it: no systemd runs.",
    "1.1.10": "The file is not there, or it reads audit.rules instead of the loaded rules.",
    "1.1.13": "The file is not there: it belongs to another distribution.",
    "1.1.15": "The file is gone since containerd 2.",
    "1.1.16": "The file is gone since containerd 2.",
    "2.1": "A rootless engine cannot be in a swarm.",
    "2.2": BRIDGE,
    "2.3": SETTING,
    "2.5": "It takes the networks 127.0.0.0/8 and ::1/128, which every engine has, for insecure registries.",
    "2.8": "An address of another program, or several addresses in daemon.json, are taken wrongly.",
    "2.9": "Limits are asked for only where the inventory names them.",
    "2.10": "A rootless engine has them already, or level 2 is not asked for.",
    "2.11": "No policy names the control group.",
    "2.13": SETTING,
    "2.14": "Sets of central log drivers are the inventory's.",
    "2.15": SETTING,
    "2.16": "A swarm cannot have live restore: the engine would not start again.",
    "2.17": SETTING,
    "2.18": "Since 23 the engine's own profile is called builtin.",
    "3.8": "Modes are compared as decimal numbers.",
    "4.1": "It reads the user of the configuration; an image that gives root up by itself is right.",
    "4.5": "It reads the variable of its own shell; the service behind content trust ends on 2026-12-08.",
    "4.6": WHOLE + " We judge what runs, with the service's own check.",
    "4.7": WHOLE + " Any word `update` in a cut history counts.",
    "4.9": WHOLE + " The archive that every image begins with is an ADD.",
    "5.1": SWARM,
    "5.2": "The kernel has no AppArmor.",
    "5.3": "The default label counts as none, or level 2 is not asked for.",
    "5.4": "It does not subtract what is dropped.",
    "5.6": "A name such as /etc inside the container counts.",
    "5.8": "80 and 443 are meant, and 1024 is no privileged port.",
    "5.9": "It warns about every published port; without a line of policy we cannot say which are needed.",
    "5.12": "Quotas and sets of CPUs are shares too, and so are limits that the kernel has.",
    "5.11": "The kernel has a limit that the engine's configuration does not show.",
    "5.14": "80 and 443 are meant to be open, and in a swarm every published port is on all addresses.",
    "5.15": SWARM,
    "5.19": "It warns where no limit is overridden, which is right.",
    "5.25": "The cgroup of another manager of containers is expected.",
    "5.26": "It reads options; the flag of the kernel is set by the engine's default too.",
    "5.27": "A container that the swarm has just started has no state of health yet.",
    "5.29": "The kernel has a limit that the engine's configuration does not show.",
    "5.32": "Another file with that name counts.",
    "7.1": WORKER,
    "7.2": "It looks for port 2377 alone, on whatever listens there.",
    "7.3": "A swarm of one node has no traffic between nodes, and `ingress` was counted.",
    "7.5": WORKER,
}
"""Why a warning of docker-bench can be one about nothing, by the numbers of 1.8: the only way to be green or let be."""


@dataclass(frozen=True)
class Difference:
    """An id of 1.6 about which two results differ: what each says, and why that may be, empty where nothing tells."""

    number: str
    theirs: str
    ours: str
    why: str


def results_of_docker_bench(log: Mapping[str, Any]) -> dict[str, str]:
    """What docker-bench says about each id of 1.6, from its JSON log (`-l FILE` writes FILE.json).

    Sections 8 and C are left out.
    """
    rows = (result for section in log["tests"] for result in section["results"])
    return {row["id"]: row["result"] for row in rows if row["id"][0] in "1234567"}


def results_of_fleetkeeper(document: Mapping[str, Any], node: str) -> dict[str, tuple[str, str]]:
    """How each id stands on a node or in the fleet, and why, from `fleetkeeper cis --json --edition 1.6 --level 2`."""
    rows = [row for row in document["ids"] if row["node"] in ("", node)]
    return {row["number"]: (row["standing"], row["why"]) for row in rows}


def differences(log: Mapping[str, Any], document: Mapping[str, Any], node: str) -> Iterator[Difference]:
    """The ids about which two results about one node differ, in their order."""
    entries = {entry.before: entry for entry in load_catalog() if entry.before}
    theirs, ours = results_of_docker_bench(log), results_of_fleetkeeper(document, node)
    for number in (number for number in entries if number in theirs and number in ours):
        pair = (theirs[number], ours[number][0])
        if pair not in AGREED:
            yield Difference(number, *pair, why_they_differ(entries[number], pair))


def why_they_differ(entry: Entry, pair: tuple[str, str]) -> str:
    """Why docker-bench and we may say different things about an id; empty where nothing explains it."""
    if pair[0] == "WARN" and pair[1] not in {"unknown", "attested"}:
        return FALSE_WARNINGS.get(entry.number, "")
    general = GENERAL.get(pair, "")
    return f"{general} {entry.docker_bench}" if general else ""


def unexplained(log: Mapping[str, Any], document: Mapping[str, Any], node: str) -> list[Difference]:
    """The differences that nothing explains, and ids that one of both lacks."""
    lacking = set(results_of_docker_bench(log)) ^ {entry.before for entry in load_catalog() if entry.before}
    rows = [Difference(number, "?", "?", "") for number in sorted(lacking)]
    return [*(each for each in differences(log, document, node) if not each.why), *rows]


HEAD = """\
# docker-bench-security, side by side

*Generated from `docs/bench_differences.py` and the catalog: `make docs`.*

docker-bench-security judges one host in edition 1.6. This is where its word and ours about the same node can differ, by
id, and why. A test compares both on a node of the lab and fails for each difference that does not stand here; it is
skipped without docker-bench:

```console
$ git clone https://github.com/docker/docker-bench-security ~/docker-bench-security
$ DOCKER_BENCH=~/docker-bench-security .venv/bin/python -m pytest tests/lab/test_docker_bench.py --all -n0 -s
```

docker-bench says PASS, WARN, INFO or NOTE. PASS and *holds*, WARN and *wrong* or *waived*, and INFO or NOTE and
whatever is no verdict, are the same. All else is a difference.

`DOCKER_BENCH=… python -m benchmarks.docker_bench` measures both on the lab. A look at all three nodes was to take a
tenth of docker-bench's time for one: **missed**. On 2026-12-01, on a machine with two cores that was busy otherwise
too, it took 11.2 s, and docker-bench 8.4 s (the best of two each).

## The same for every id

| docker-bench | fleetkeeper | why |
|---|---|---|
"""
MIDDLE = """
## By id

What docker-bench does is the reason of every difference but one: where it warns, and it holds or does not apply here,
the last column says why that can be, and where it is empty that is a mistake of ours.

| 1.6 | 1.8 | about | what docker-bench does | a warning about nothing |
|---|---|---|---|---|
"""


def docker_bench_page() -> str:
    """The text of docs/docker-bench.md."""
    general = "".join(f"| {theirs} | {ours} | {why} |\n" for (theirs, ours), why in GENERAL.items())
    return HEAD + general + MIDDLE + "".join(rows_by_id(load_catalog()))


def rows_by_id(entries: Sequence[Entry] | Iterable[Entry]) -> Iterator[str]:
    """A row of the table for each id that docker-bench judges."""
    for entry in entries:
        if entry.before:
            cells = (entry.before, entry.number, entry.title, entry.docker_bench, FALSE_WARNINGS.get(entry.number, ""))
            yield f"| {' | '.join(' '.join(cell.split()).replace('|', '/') for cell in cells)} |\n"
