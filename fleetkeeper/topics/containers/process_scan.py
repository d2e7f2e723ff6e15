"""One scan of /proc as facts: the processes of each container, joined by control group, as the container sees them.

Sources: proc(5), user_namespaces(7), cgroups(7).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from fleetkeeper.readers.lines import split_lines
from fleetkeeper.readers.numbers import whole_number
from fleetkeeper.topics.containers.account_files import UNREAD
from fleetkeeper.topics.containers.control_groups import NO_PROCESS
from fleetkeeper.topics.containers.facts import Container, Process
from fleetkeeper.transport.commands import Output, Unobservable
from fleetkeeper.untrusted import one_line

CONTAINER_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
EXTENT = re.compile(r" *([0-9]{1,10}) +([0-9]{1,10}) +([0-9]{1,10})")
RUNTIME = re.compile(r"runc:\[(?:0:PARENT|1:CHILD|2:INIT)\]")
"""What runc calls itself until it becomes a container's program (libcontainer/nsenter). Anybody can take that name."""
ROOT = 0
Extents = Iterable[tuple[int, int, int]]
OfContainers = Mapping[str, tuple[Process, ...] | Unobservable]
FROM_PROC = re.compile(r"/proc/([0-9]{1,10})/(status|cgroup|uid_map|gid_map|attr/current):(.*)", re.DOTALL)


@dataclass
class ScannedProcess:
    """The lines of one process in the scan.

    `status` has the fields of /proc/PID/status by name; `extents` are those of its uid_map (first uid inside, first on
    the node, how many), `group_extents` the same of its gid_map. `confined` is AppArmor's word. `odd` is why a map
    makes no sense, else empty.
    """

    status: dict[str, str] = field(default_factory=dict)
    cgroups: list[str] = field(default_factory=list)
    extents: list[tuple[int, int, int]] = field(default_factory=list)
    group_extents: list[tuple[int, int, int]] = field(default_factory=list)
    confined: str = ""
    odd: str = ""


def parse_scan(printed: str) -> dict[int, ScannedProcess]:
    """The processes in the output of the scan (lines of `grep -H`), by pid.

    >>> uid_map = "/proc/7/uid_map:         0     100000      65536\\n"
    >>> seen = parse_scan("/proc/7/status:Uid:\\t101\\t101\\t101\\t101\\n" + uid_map)
    >>> seen[7].status["Uid"].split()[1], seen[7].extents
    ('101', [(0, 100000, 65536)])

    Raises Unobservable for a line that is of no file of /proc: whose it was to be is not known.
    """
    processes: dict[int, ScannedProcess] = defaultdict(ScannedProcess)
    for line in split_lines(printed):
        if line.startswith(NO_PROCESS):
            continue
        match = FROM_PROC.fullmatch(line)
        if not match:
            raise Unobservable(f"the scan of /proc has a line that makes no sense: {one_line(line[:60])}")
        note_line(processes[int(match[1])], match[2], match[3])
    return processes


def note_line(process: ScannedProcess, file: str, line: str) -> None:
    """Add one line of a file of /proc to its process.

    `file` is status, cgroup, attr/current, uid_map or gid_map; `odd` says so where a line of a map makes no sense.
    """
    if file == "status":
        key, _, value = line.partition(":")
        process.status[key] = value.strip()
    elif file == "cgroup":
        process.cgroups.append(line)
    elif file == "attr/current":
        process.confined = line
    elif extent := EXTENT.fullmatch(line):
        extents = process.extents if file == "uid_map" else process.group_extents
        extents.append((int(extent[1]), int(extent[2]), int(extent[3])))
    else:
        process.odd = f"its {file} makes no sense"


def uid_inside(host_uid: int, extents: Extents) -> int | None:
    """The uid that a container sees for a uid of the node; None when its namespace has no such user.

    `extents` are (first inside, first on the node, how many).

    >>> uid_inside(100999, [(0, 100000, 65536)]), uid_inside(1000, [(0, 1000, 1), (1, 100000, 65536)])
    (999, 0)
    >>> uid_inside(5, [(0, 7, 1)]) is None
    True
    """
    for first_inside, first_outside, count in extents:
        if first_outside <= host_uid < first_outside + count:
            return first_inside + host_uid - first_outside
    return None


def container_of(cgroups: Iterable[str], containers: Mapping[str, Container]) -> str:
    """The id of the container of this engine whose control group a process is in; empty when it is in none.

    Paths differ by cgroup version and driver; an engine inside a container adds its own ids below the outer ones.

    >>> container_of(["0::/system.slice/docker-" + "a" * 64 + ".scope"], {"a" * 64: Container("a" * 64, "db")})[:3]
    'aaa'
    """
    return next((id_ for line in cgroups for id_ in CONTAINER_ID.findall(line) if id_ in containers), "")


def by_container(scan: Output, containers: Iterable[Container]) -> OfContainers | Unobservable:
    """The processes of each container, by its id; a value is Unobservable where one of its processes makes no sense.

    () where its first process was not seen, or is still runc. A container without a living process in the scan is left
    out. The whole is an Unobservable, returned and not raised, when /proc could not be read, or a line makes no sense.
    """
    by_id = {container.id: container for container in containers}
    try:
        seen = parse_scan(scan.text())
    except Unobservable as why:
        return why
    groups: dict[str, dict[int, ScannedProcess]] = defaultdict(dict)
    for pid, process in seen.items():
        if (id_ := container_of(process.cgroups, by_id)) and is_alive(process):
            groups[id_][pid] = process
    return {id_: scan_or_why(by_id[id_], members) for id_, members in groups.items()}


def scan_or_why(container: Container, members: Mapping[int, ScannedProcess]) -> tuple[Process, ...] | Unobservable:
    """The processes of one container, or an Unobservable when one of them makes no sense."""
    try:
        return processes_of_container(container, members)
    except Unobservable as why:
        return Unobservable(f"the processes of {container.name} are not known: {why.why}")


def is_alive(process: ScannedProcess) -> bool:
    """Whether anything of it still runs. A zombie whose first thread alone has ended (pthread_exit(3)) does."""
    state = process.status.get("State", "")
    ended = state.startswith("X") or (state.startswith("Z") and process.status.get("Threads", "1") in ("0", "1"))
    return bool(process.status) and not ended


def processes_of_container(container: Container, members: Mapping[int, ScannedProcess]) -> tuple[Process, ...]:
    """The processes of one container, by pid, with uids translated through the namespace of its first process.

    `members` are the scanned processes of this container alone, by pid. Empty where its first process is not among
    them, or is still runc, which makes the container. A browser makes a further
    namespace for its own children, in which they are root: that is root of nothing here. Each process is judged by its
    first thread. Raises Unobservable when a process makes no sense, or is just being let in by runc.
    """
    first = members.get(container.pid)
    if first is None or not first.extents or is_named_as_runtime(first):
        return ()
    if container.isolation.pid and any(map(is_named_as_runtime, members.values())):
        raise Unobservable("one is called as runc is while it lets somebody in", hint="look again")
    strangers = entered_processes(container, members)
    return tuple(process_of(pid, seen, first, pid in strangers) for pid, seen in sorted(members.items()))


def is_named_as_runtime(process: ScannedProcess) -> bool:
    """Whether a process has the name of runc at work. In a namespace of the container's own, descent tells the rest."""
    return RUNTIME.fullmatch(process.status.get("Name", "")) is not None


def process_of(pid: int, seen: ScannedProcess, first: ScannedProcess, came_in: bool) -> Process:
    """One process, with its uids as `owner_of` determines them. Raises Unobservable when its lines make no sense.

    `first` is the container's first process, whose namespace counts; `came_in` becomes its `entered`.
    """
    if seen.odd or "Uid" not in seen.status:
        raise Unobservable(f"process {pid}: {seen.odd or 'it shows no user'}")
    host_uid = owner_of(seen.status["Uid"], first.extents)
    groups = groups_of(seen.status)
    kernel = seen.status.get("NoNewPrivs")
    return Process(
        pid=pid,
        uid=uid_inside(host_uid, first.extents),
        host_uid=host_uid,
        name=seen.status.get("Name", ""),
        parent=whole_number(seen.status.get("PPid") or "0"),
        entered=came_in,
        no_new_privileges=None if kernel is None else kernel == "1",
        gid=uid_inside(groups[0], first.group_extents or WHOLE) if groups else None,
        groups=groups,
        seccomp=whole_number(seen.status["Seccomp"]) if "Seccomp" in seen.status else None,
        bounding=mask_of(seen.status["CapBnd"]) if "CapBnd" in seen.status else None,
        confined=seen.confined,
    )


WHOLE = ((0, 0, 1 << 32),)
"""The extents of a namespace that maps nothing."""
MASK = re.compile(r"[0-9a-f]{1,16}")


def groups_of(status: Mapping[str, str]) -> tuple[int, ...]:
    """The gids on the node of a process: its effective group, then the others, real, saved and supplementary.

    () where the scan does not show any. Raises Unobservable for one that is no number.

    >>> groups_of({"Gid": "33 33 0 33", "Groups": "33 999"})
    (33, 0, 999)
    """
    words = status.get("Gid", "").split()
    if not words:
        return ()
    if len(words) != 4:
        raise Unobservable("its Gid line does not show its groups")
    real, effective, saved, _ = words
    return tuple(
        dict.fromkeys(whole_number(word) for word in (effective, real, saved, *status.get("Groups", "").split()))
    )


def mask_of(written: str) -> int:
    """The mask of a set of capabilities. Raises Unobservable for anything but a hexadecimal number.

    >>> hex(mask_of("00000000a80425fb"))
    '0xa80425fb'
    """
    if not MASK.fullmatch(written):
        raise Unobservable("its capabilities are no hexadecimal number")
    return int(written, 16)


def owner_of(written: str, extents: Extents) -> int:
    """The uid on the node that a process has, by its Uid line: real, effective, saved and file system uid.

    The effective one, unless it is root for one of the first three: it can go back to that at any time (setuid(2)).
    `extents` is its uid_map. Raises Unobservable when the line has not four numbers.

    >>> owner_of("33 33 33 33", [(0, 0, 65536)]), owner_of("33 33 0 33", [(0, 0, 65536)])
    (33, 0)
    """
    uids = [whole_number(uid) for uid in written.split()]
    if len(uids) != 4:
        raise Unobservable("its Uid line does not show its users")
    real, effective, saved, _ = uids
    return next((uid for uid in (real, saved) if uid_inside(uid, extents) == ROOT), effective)


def entered_processes(container: Container, members: Mapping[int, ScannedProcess]) -> set[int]:
    """The pids of processes that `docker exec` or a health check started: they do not descend from the first process.

    A container with a process namespace of its own hands orphans to its first process, so descent is a proof there;
    with the node's or another's namespace it is not, and every process counts as the container's own. Then, and without
    a first process, the set is empty. Raises Unobservable for a parent that is no number.
    """
    if container.isolation.pid or container.pid not in members:
        return set()
    parents = {pid: whole_number(seen.status.get("PPid") or "0") for pid, seen in members.items()}
    return {pid for pid in members if not is_descendant(pid, container.pid, parents)}


def is_descendant(pid: int, ancestor: int, parents: Mapping[int, int]) -> bool:
    """Whether a process is `ancestor` or descends from it. `parents` are the parents' pids by pid; a circle ends it."""
    met: set[int] = set()
    while pid in parents and pid not in met:
        if pid == ancestor:
            return True
        met.add(pid)
        pid = parents[pid]
    return False


def join_processes(
    containers: Iterable[Container],
    processes: OfContainers | Unobservable,
    names: Mapping[int, dict[str, int] | Unobservable],
) -> tuple[Container, ...]:
    """The containers with their processes and account names.

    `processes` are by container id, `names` by the pid of the container's first process. One that does not run (pid 0)
    gets no processes and None as accounts; one that runs and has no `names` gets an Unobservable.
    """
    return tuple(
        replace(
            container,
            processes=own_processes(container, processes),
            accounts=names.get(container.pid, UNREAD) if container.pid else None,
        )
        for container in containers
    )


def own_processes(container: Container, processes: OfContainers | Unobservable) -> tuple[Process, ...] | Unobservable:
    """The processes of one container, or why they could not be seen; empty for one that does not run (pid 0).

    A container that runs has at least its first process: without that the scan was not allowed to see it, or the
    container has just ended.
    """
    if not container.pid:
        return ()
    if isinstance(processes, Unobservable):
        return processes
    own = processes.get(container.id, ())
    if isinstance(own, Unobservable):
        return own
    if any(process.pid == container.pid for process in own):
        return own
    return Unobservable(
        f"the processes of {container.name} did not show in /proc",
        hint="if it has just ended, look again; if /proc is mounted with hidepid, set `sudo: true`",
    )
