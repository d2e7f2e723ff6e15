"""Case 72: an audit and a plan leave every node as it was."""

from __future__ import annotations

import pytest

# Every exclusion has a reason. What is not listed here must be identical, by type, owner, mode, size and content.
EXCLUDED = {
    "/proc": "the kernel's view of processes, not files",
    "/sys": "the kernel's view of devices, not files",
    "/dev": "devices; terminals come and go with every connection",
    "/run": "process ids, sockets, sudo's time stamps",
    "/tmp": "emptied at every start",
    "/var/log": "sshd, sudo and cron log that somebody was there: wtmp, auth.log",
    "/var/lib/docker": "the engine's own state, and the containers' files, which change while they run",
    "/var/lib/containerd": "the engine's own state",
    "/root/.docker": "the client's own state",
    "/home/ops/.cache": "pam_motd's time stamp of the last login",
}
DIGEST = r"""
set -eu
find / -xdev \( {pruned} \) -prune -o -printf '%p %y %u %g %m %s %l\n' | sort
find / -xdev \( {pruned} \) -prune -o -type f -exec sha256sum {{}} + | sort
find /var/lib/docker/volumes/rodan_pg_backup/_data -printf '%p %y %u %g %m %s %T@\n' | sort
"""


def file_tree(lab, node: str) -> str:
    pruned = " -o ".join(f"-path {path}" for path in EXCLUDED)
    return lab.on(node, "sh", "-c", DIGEST.format(pruned=pruned))


def node_trees(lab) -> dict[str, str]:
    """What every node has on its disk."""
    return {node: file_tree(lab, node) for node in ("manager", "data", "vgpu")}


@pytest.mark.long
def test_case_72_an_audit_and_a_plan_change_nothing_on_any_node(broken) -> None:
    lab = broken("cron-missing", "volume-over-budget", "root-container")
    lab.audit()
    before = node_trees(lab)
    lab.audit()
    lab.remediate()
    assert changed_nodes(before, node_trees(lab)) == {}


def changed_nodes(before: dict[str, str], after: dict[str, str]) -> dict[str, set[str]]:
    """The lines that differ of each node on which anything does."""
    differences = {node: changed_files(before[node], after[node]) for node in before}
    return {node: lines for node, lines in differences.items() if lines}


def changed_files(before: str, after: str) -> set[str]:
    return set(before.splitlines()) ^ set(after.splitlines())
