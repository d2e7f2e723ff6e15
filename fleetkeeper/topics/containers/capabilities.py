"""The capabilities that a container has: those that Docker gives to all, and those that amount to root of the node.

Sources: capabilities(7); moby, oci/caps/defaults.go.
"""

from __future__ import annotations

from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.transport.commands import Unobservable

DANGEROUS = {
    "ALL": "everything root can do",
    "SYS_ADMIN": "mount the node's disks, among much else",
    "SYS_MODULE": "load code into the node's kernel",
    "SYS_PTRACE": "read and change other processes",
    "SYS_RAWIO": "read and write the node's memory and disks past the kernel",
    "DAC_READ_SEARCH": "read any file of the node",
}
"""Those that amount to root of the node, and what each can do."""
DEFAULT_CAPABILITIES = 0xA80425FB
"""What Docker gives a container: CHOWN, DAC_OVERRIDE, FSETID, FOWNER, MKNOD, NET_RAW, SETGID, SETUID, SETFCAP, SETPCAP,
NET_BIND_SERVICE, SYS_CHROOT, KILL, AUDIT_WRITE (moby, oci/caps/defaults.go; capabilities(7))."""
NAMES = (
    *("CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP"),
    *("LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER"),
    *("SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE"),
    *("SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP"),
    *("MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF"),
    "CHECKPOINT_RESTORE",
)
"""The capabilities by their bit (capabilities(7))."""
DEFAULT_NAMES = frozenset(name for bit, name in enumerate(NAMES) if DEFAULT_CAPABILITIES >> bit & 1)


def capabilities_of(container: Container) -> set[str]:
    """The names of the capabilities that a container was given, and those that some process can have by the kernel.

    Only what it was given, where it is privileged (that is told otherwise), has all of them, or was not seen.
    """
    given = set(container.isolation.cap_add)
    if container.isolation.privileged or "ALL" in given or isinstance(container.processes, Unobservable):
        return given
    mask = 0
    for process in container.processes:
        mask |= (process.bounding or 0) if not process.entered else 0
    return given | {name for bit, name in enumerate(NAMES) if mask >> bit & 1}
