"""Facts from the output of the script that looks at GPUs: parts, each a line `=NAME WORDS` and indented lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from fleetkeeper.looking.fleet import or_why
from fleetkeeper.readers.docker.inspection import ABSENT, inspection_json, is_podman
from fleetkeeper.readers.json_documents import json_document, mapping, part, text_in
from fleetkeeper.readers.numbers import whole_number
from fleetkeeper.readers.output_pieces import Piece, pieces_of
from fleetkeeper.topics.gpus.facts import Facts, GpuDevice, GpuEngine, OpenedDevice, SmiAnswer, Worker
from fleetkeeper.transport.commands import Output, Unobservable
from fleetkeeper.untrusted import one_line

VERSION = r"[0-9]{1,5}(?:\.[0-9]{1,5}){1,3}"
MODULE = re.compile(rf"Kernel Module(?: for \S{{1,20}})?\s{{1,8}}({VERSION})\b", re.ASCII)
LIBRARY = re.compile(rf"libnvidia-ml\.so\.({VERSION})", re.ASCII)
LATE = "it did not answer within 10 s"
RESET = "see the kernel's log (`dmesg | grep -i -e NVRM -e Xid`); what hangs in the kernel ends only with a reboot"
UNASKED = {
    "hangs": Unobservable("an nvidia-smi hangs there already, so no other is started", RESET),
    "unbounded": Unobservable("there is no `timeout` to end a GPU's answer with, so none is asked"),
}


def parse(printed: str, engine: GpuEngine | Unobservable) -> Facts:
    """The facts of a node. `engine` is what was seen of its engine, or why not.

    Raises Unobservable when the output is cut short. What one part of it cannot show is Unobservable in its own field.
    """
    pieces = list(pieces_of(printed, "the look at the GPUs"))
    by_name = {piece.name: piece for piece in pieces}
    unasked = UNASKED.get(by_name["unasked"].word) if "unasked" in by_name else None
    return Facts(
        module=module_version(piece_text(by_name, "module")),
        libraries=library_versions(piece_text(by_name, "libraries")),
        module_file=by_name["modinfo"].word if "modinfo" in by_name else None,
        kernel=by_name["kernel"].word if "kernel" in by_name else "",
        foreign="foreign" in by_name,
        devices=tuple(parse_devices(pieces)),
        smi=unasked or or_why(lambda: host_answer(by_name.get("smi"))),
        ctk=by_name["ctk"].word if "ctk" in by_name else "",
        udev="udev" in by_name,
        linking_rules=tuple(line for line in piece_text(by_name, "rules").split("\n") if line),
        engine=engine,
        workers=or_why(lambda: workers_of(pieces, engine, unasked)),
    )


def piece_text(pieces: Mapping[str, Piece], name: str) -> str:
    """The text of a part; empty where the output has none of this name."""
    return pieces[name].text if name in pieces else ""


def module_version(text: str) -> str:
    """The version of the loaded module, from /proc/driver/nvidia/version or /sys/module/nvidia/version; "" without one.

    >>> module_version("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024")
    '535.183.01'
    >>> module_version("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.90.07  Release Build")
    '550.90.07'
    >>> module_version("\\n535.183.01\\n"), module_version("\\n")
    ('535.183.01', '')
    """
    match = MODULE.search(text)
    if match:
        return match[1]
    return next((line for line in text.split("\n") if re.fullmatch(VERSION, line, re.ASCII)), "")


def library_versions(text: str) -> tuple[str, ...]:
    """The versions in the names of files of the library, each once.

    >>> library_versions("/usr/lib/x86_64-linux-gnu/nvidia/current/libnvidia-ml.so.535.183.01\\n/usr/lib/x")
    ('535.183.01',)
    """
    names = (line.rpartition("/")[2] for line in text.split("\n"))
    return tuple(dict.fromkeys(match[1] for name in names if (match := LIBRARY.fullmatch(name))))


def parse_devices(pieces: Iterable[Piece]) -> Iterator[GpuDevice]:
    """The devices. Raises Unobservable for one without all its words."""
    for piece in pieces:
        if piece.name == "device":
            path, number, linked, registered = (*piece.words, "", "", "", "")[:4]
            if not {linked, registered} <= {"yes", "no"}:
                raise Unobservable("a device of the driver has a name that cannot be read")
            yield GpuDevice(path, number, linked == "yes", registered == "yes")


def host_answer(piece: Piece | None) -> SmiAnswer | None:
    """What nvidia-smi answered on the node; None without it. Raises Unobservable where it did not in time."""
    if piece is None:
        raise Unobservable(f"nvidia-smi: {LATE}", RESET)
    return None if piece.word == "absent" else smi_answer(piece.word, piece.text)


def smi_answer(status: str, text: str) -> SmiAnswer:
    """The answer with its exit status. Raises Unobservable where nvidia-smi was ended at its limit.

    124 and 137 are those of timeout(1) when it ended the program.
    """
    rc = whole_number(status, 0, 255)
    if rc in (124, 137):
        raise Unobservable("nvidia-smi: it did not answer within 8 s", RESET)
    return SmiAnswer(rc, text.strip("\n"))


def workers_of(
    pieces: Iterable[Piece], engine: GpuEngine | Unobservable, unasked: Unobservable | None
) -> tuple[Worker, ...]:
    """What each container answered. Raises Unobservable where none could be asked; empty without an engine.

    `unasked` is why nobody asked, None where somebody did. A container that did not answer in time is not among them.
    """
    if isinstance(engine, Unobservable):
        raise engine
    if unasked:
        raise unasked
    if engine.kind == "absent":
        return ()
    pieces = list(pieces)
    if not any(piece.name == "listed" for piece in pieces):
        raise Unobservable("the containers of the services could not be listed within 10 s")
    return tuple(parse_worker(piece) for piece in pieces if piece.name == "worker")


def parse_worker(piece: Piece) -> Worker:
    """What one container answered. Its `smi` is an Unobservable where the answer is cut short, or no shell is there."""
    rows = [line.partition(" ")[::2] for line in piece.lines]
    devices = [
        refused_device(*rest.partition(" ")[::2]) if word == "refused" else OpenedDevice(rest)
        for word, rest in rows
        if word in ("opened", "refused")
    ]
    return Worker(piece.word, tuple(devices), or_why(lambda: inner_answer(piece, dict(rows))))


def refused_device(path: str, error: str) -> OpenedDevice:
    """The device that was refused, with the kernel's word for why, however the shell in the container spells it.

    >>> [refused_device("/dev/nvidiactl", error).error for error in ("No such file", "no such file", "I/O error", "x")]
    ['No such file or directory', 'No such file or directory', 'Input/output error', 'x']
    """
    spelled = {"no such file": "No such file or directory", "i/o error": "Input/output error"}
    return OpenedDevice(path, spelled.get(error.lower(), error))


def inner_answer(piece: Piece, rows: Mapping[str, str]) -> SmiAnswer | None:
    """What nvidia-smi answered in a container; None without it there.

    Raises Unobservable where it was not asked, and where the answer is cut short.
    """
    if "asked" not in rows:
        last = next((line for line in reversed(piece.lines) if line.strip()), "")
        raise Unobservable(f"it could not be asked: {one_line(last)[:200]}" if last else LATE, RESET)
    if "unbounded" in rows:
        raise Unobservable("there is no `timeout` in it to end a GPU's answer with, so none is asked")
    if "answered" not in rows:
        return None
    printed = [line.removeprefix("said ") for line in piece.lines if line.startswith("said ")]
    return smi_answer(rows["answered"], "\n".join(printed))


def parse_engine(inspected: Output) -> GpuEngine:
    """What `docker info` says of runtimes and control groups, from the output of the look at the engine.

    Raises Unobservable where the engine did not answer, or not in this shape.
    """
    if inspected.rc == ABSENT:
        return GpuEngine("absent")
    pieces = {piece.name: piece for piece in pieces_of(inspection_json(inspected), "the look at the engine")}
    document = mapping(json_document(piece_text(pieces, "info"), "`docker info`"), "`docker info`")
    if is_podman(document):
        return GpuEngine("podman")
    if "ServerVersion" not in document:
        raise Unobservable("`docker info` said nothing about an engine")
    return GpuEngine(
        "docker",
        tuple(part(document, "Runtimes")),
        text_in(document, "DefaultRuntime"),
        text_in(document, "CgroupDriver"),
        text_in(part(document, "Swarm"), "LocalNodeState", "inactive") not in ("inactive", ""),
    )
