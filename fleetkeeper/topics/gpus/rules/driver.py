"""The rule that a node has a driver for its GPUs: the kernel's module and the library are there, of one version."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.gpus.facts import Facts, SmiAnswer
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import one_line, shown_word

MISMATCH = "driver/library version mismatch"
"""What NVML says where the module that runs and the library on the disk are of different versions."""
LOST_GPU = frozenset({6, 8, 9, 10, 12, 14, 15, 255})
"""Exit statuses of nvidia-smi for a driver or a GPU that does not work: see nvidia-smi(1), RETURN VALUE."""
REBOOT = (
    "reboot the node when its work is over (`docker node update --availability drain NODE` on a manager first): all "
    "its containers stop; without anything on the GPU `rmmod nvidia_uvm nvidia_drm nvidia_modeset nvidia && modprobe "
    "nvidia` does too. `apt-mark hold` on the driver's packages keeps upgrades from doing it again, security fixes too"
)
NO_GPU = "what needs a GPU computes without one, many times slower, or not at all"


def have_a_driver(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """The driver of a node's GPUs is loaded, its library is of the same version, and it sees a GPU.

    A kernel that was upgraded without the module leaves none; an upgrade of the packages replaces the library and not
    the module that runs: what runs goes on, and whatever starts from then on fails ("Driver/library version mismatch").
    Judged by what the kernel says of the module that is loaded, and by `nvidia-smi -L`, which fails for another
    library; without an answer of that, by the versions in the names of the library's files. Unknown where nvidia-smi
    does not answer within 10 s, such as for a GPU that hangs, where it fails for a reason that is not known here, and
    for GPUs of other makers. Source: docs/runbook.md, "GPUs"; man page nvidia-smi(1).
    """
    facts = fleet.of(subject.name, Facts)
    if not facts.module:
        yield not_loaded(facts, subject.name)
        return
    if isinstance(facts.smi, SmiAnswer):
        yield from judged_answer(facts, facts.smi, subject.name)
        return
    yield from judged_files(facts, subject.name)
    if facts.smi is not None:
        yield facts.smi


def not_loaded(facts: Facts, node: str) -> Finding | Unobservable:
    """The finding that no module is loaded; an Unobservable where the GPU is another maker's."""
    if facts.foreign:
        return Unobservable("there is a GPU of another maker than NVIDIA, which is not known here", node=node)
    kernel = one_line(facts.kernel) or "that runs"
    lacking = {
        None: "see whether the driver is installed: `modinfo nvidia`",
        "": f"there is none for the kernel {kernel}: install its headers and let DKMS make it (`dkms autoinstall`)",
    }
    return Finding(
        saw="no driver of NVIDIA is loaded",
        want="the kernel's module `nvidia`",
        why=NO_GPU,
        node=node,
        hint=lacking.get(facts.module_file, f"`modprobe nvidia` (version {shown_word(facts.module_file or '')})"),
    )


def judged_answer(facts: Facts, answer: SmiAnswer, node: str) -> Iterator[Finding | Unobservable]:
    """What `nvidia-smi -L` says of the driver; nothing where it lists a GPU."""
    first = one_line(answer.text.partition("\n")[0])[:200]
    if MISMATCH in answer.text.lower() or answer.rc == 18:
        yield mismatch(facts, node)
    elif answer.rc == 0 and lists_a_gpu(answer):
        return
    elif answer.rc == 0 or answer.rc in LOST_GPU:
        why = f"nvidia-smi finds no GPU: {first or 'it lists none'}"
        hint = "see the kernel's log (`dmesg | grep -i -e NVRM -e Xid`), and whether the machine has one (`lspci`)"
        yield Finding(why, "a GPU that answers", NO_GPU, node, hint=hint)
    else:
        yield Unobservable(f"nvidia-smi exited {answer.rc}: {first or 'nothing printed'}", node=node)


def lists_a_gpu(answer: SmiAnswer) -> bool:
    """Whether the answer of `nvidia-smi -L` lists a GPU, whole or a part of one.

    >>> lists_a_gpu(SmiAnswer(0, "GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77)"))
    True
    """
    return any(line.strip().startswith(("GPU ", "MIG ")) for line in answer.text.split("\n"))


def judged_files(facts: Facts, node: str) -> Iterator[Finding | Unobservable]:
    """What the versions in the names of the library's files say; an Unobservable where there are no such files."""
    if not facts.libraries:
        yield Unobservable("libnvidia-ml.so.1 is in none of the usual places: its version is not known", node=node)
    elif facts.module not in facts.libraries:
        yield mismatch(facts, node)


def mismatch(facts: Facts, node: str) -> Finding:
    """The finding that the module that runs and the library are of different versions."""
    versions = ", ".join(version for version in facts.libraries if version != facts.module)
    return Finding(
        saw=f"the loaded driver is {facts.module}, the library {versions or 'of another version'}",
        want="one version",
        why="what runs goes on; whatever starts from now on gets no GPU (Driver/library version mismatch)",
        node=node,
        hint=REBOOT,
    )
