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
CORRUPT_ROM = 14
"""The exit status of nvidia-smi where a card's infoROM is corrupted, which it warns of: the card computes."""
LOST_WORDS = ("unable to determine the device handle", "unknown error", "gpu is lost", "fallen off")
"""What nvidia-smi says of one card that does not answer."""
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
    for GPUs of other makers. Where the kernel shows no module, as in WSL and some containers, a GPU that nvidia-smi
    lists is enough. A card that it does not list beside others is a finding.
    Source: docs/runbook.md, "GPUs"; man page nvidia-smi(1).
    """
    facts = fleet.of(subject.name, Facts)
    if not facts.module and not shows_a_driver(facts.smi):
        yield not_loaded(facts, subject.name)
        return
    if isinstance(facts.smi, SmiAnswer):
        yield from judged_answer(facts, facts.smi, subject.name)
        return
    if facts.module:
        yield from judged_files(facts, subject.name)
    if facts.smi is not None:
        yield facts.smi


def shows_a_driver(answer: SmiAnswer | Unobservable | None) -> bool:
    """Whether nvidia-smi found a driver, or may have: it lists a GPU, has another version, or could not be asked."""
    if isinstance(answer, SmiAnswer):
        return lists_a_gpu(answer) or MISMATCH in answer.text.lower()
    return answer is not None


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
    elif lists_a_gpu(answer):
        yield from judged_cards(answer, "", node)
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
    return any(map(is_card, answer.text.split("\n")))


def judged_cards(answer: SmiAnswer, name: str, node: str) -> Iterator[Finding | Unobservable]:
    """A finding where nvidia-smi lists some cards and says of another that it is lost; nothing where it lists each.

    What it says beside them is unknown unless it is a warning. `name` is the container that asked, empty for the node.
    """
    others = [line for line in filter(str.strip, answer.text.split("\n")) if not is_card(line)]
    lost = [line for line in others if any(word in line.lower() for word in LOST_WORDS)]
    strange = [line for line in others if not line.strip().lower().startswith("warning")]
    where = f"{name}: " if name else ""
    if lost:
        saw = f"{where}nvidia-smi lists some GPUs, and not another: {one_line(lost[0])[:200]}"
        hint = "see the kernel's log (`dmesg | grep -i -e NVRM -e Xid`): a lost GPU comes back with a reboot, if at all"
        yield Finding(saw, "every GPU answers", NO_GPU, node, name, hint=hint)
    elif strange or answer.rc not in (0, CORRUPT_ROM):
        printed = one_line(strange[0])[:200] if strange else "nothing about why"
        yield Unobservable(f"{where}nvidia-smi lists GPUs, exited {answer.rc}, and printed {printed}", node=node)


def is_card(line: str) -> bool:
    """Whether a line of `nvidia-smi -L` is that of a GPU with its UUID, or of a part of one.

    >>> is_card("GPU 0: A2 (UUID: GPU-5d5b)"), is_card("  MIG 1g.5gb Device 0: (UUID: MIG-1)"), is_card("GPU 1: ?")
    (True, True, False)
    """
    return line.strip().startswith(("GPU ", "MIG ")) and "UUID: " in line


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
        saw=f"the loaded driver is {facts.module or 'not shown'}, the library {versions or 'of another version'}",
        want="one version",
        why="what runs goes on; whatever starts from now on gets no GPU (Driver/library version mismatch)",
        node=node,
        hint=REBOOT,
    )
