"""Facts from the output of the script that looks at the engine: parts, each a line `=NAME WORDS` and indented lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from fleetkeeper.looking.fleet import or_why
from fleetkeeper.readers.docker.inspection import is_podman
from fleetkeeper.readers.docker.seccomp_profiles import DEFAULT, default_action
from fleetkeeper.readers.json_documents import Json, flag_in, json_document, listed, mapping, part, text_in, texts
from fleetkeeper.readers.numbers import number_in
from fleetkeeper.readers.output_pieces import Piece, pieces_of
from fleetkeeper.topics.engine.audit_rules import parse_watches
from fleetkeeper.topics.engine.facts import Auditing, EngineFile, EngineInfo, Facts, Values
from fleetkeeper.topics.engine.settings import parse_options, parse_settings
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import one_line

LOOPBACK = ("127.0.0.0/8", "::1/128")
"""Networks in which every engine takes registries without TLS."""
NUMBER = re.compile(r"[0-9]{1,10}", re.ASCII)
MODE = re.compile(r"[0-7]{1,4}", re.ASCII)
SYSTEMD = "systemctl or a system that systemd runs is missing"
WHY_NOT_READ = {
    "unreadable": "this account may not read the engine's settings",
    "large": "the engine's settings take more than 1 MiB, and are not read",
    "special": "the engine's settings are no regular file",
}


def parse(printed: str) -> Facts:
    """The facts of a node that has an engine. Raises Unobservable when the output is cut short, or is not of an engine.

    What one part of it cannot show is Unobservable in its own field.
    """
    pieces = list(pieces_of(printed, "the look at the engine"))
    by_name = {piece.name: piece for piece in pieces}
    document = json_document(by_name["info"].text, "`docker info`")
    if is_podman(mapping(document, "`docker info`")):
        return Facts("podman")
    if "ServerVersion" not in document:
        raise Unobservable("`docker info` said nothing about an engine", hint=silent_hint(document))
    sockets = by_name["sockets"]
    hidden = Unobservable("the sockets of dockerd cannot be seen by this account", hint="set `sudo: true`, or `audit`")
    listening = [line.partition(" ")[::2] for line in sockets.lines]
    return Facts(
        "docker",
        info=parse_info(document),
        options=or_why(lambda: options_of(by_name["process"])),
        settings=or_why(lambda: settings_of(by_name["settings"])),
        bridge_icc=or_why(lambda: bridge_of(by_name["bridge"])),
        seccomp_default=or_why(lambda: seccomp_action(by_name["seccomp"])) if "seccomp" in by_name else None,
        systemd=by_name["systemd"].word == "yes",
        units=tuple(line.partition(" ")[0] for line in by_name["listen"].lines if line),
        unit_group=by_name["socket-group"].text if "socket-group" in by_name else None,
        files=tuple(dict.fromkeys(parse_file(piece) for piece in pieces if piece.name == "file")),
        unix=hidden if sockets.word == "hidden" else tuple(rest for kind, rest in listening if kind == "unix"),
        tcp=hidden if sockets.word == "hidden" else tuple(rest for kind, rest in listening if kind == "tcp"),
        members=or_why(lambda: members_of(pieces)),
        by_acl=or_why(lambda: accounts_of_acl(pieces)),
        disks={piece.text: {"yes": True, "no": False}.get(piece.word) for piece in pieces if piece.name == "disk"},
        audit=or_why(lambda: parse_audit(by_name["audit"], by_name["saved"])),
    )


def silent_hint(document: Json) -> str:
    """The first error that `docker info` names; empty without one."""
    errors = document.get("ServerErrors")
    return one_line(str(errors[0]))[:200] if isinstance(errors, list) and errors else ""


def parse_info(document: Json) -> EngineInfo:
    """What `docker info` says, from its JSON. Raises Unobservable for a key of another kind than it should be."""
    status = [row for row in listed(document, "DriverStatus") if isinstance(row, list)]
    swarm, plugins, registries = (part(document, key) for key in ("Swarm", "Plugins", "RegistryConfig"))
    indexes = part(registries, "IndexConfigs")
    networks = texts(registries, "InsecureRegistryCIDRs")
    unsafe = [name for name in indexes if not flag_in(part(indexes, name), "Secure", default=True)]
    return EngineInfo(
        version=text_in(document, "ServerVersion"),
        root=text_in(document, "DockerRootDir"),
        storage=text_in(document, "Driver"),
        snapshotter=any("io.containerd.snapshotter" in str(cell) for row in status for cell in row),
        logging=text_in(document, "LoggingDriver"),
        debug=flag_in(document, "Debug"),
        experimental=flag_in(document, "ExperimentalBuild"),
        live_restore=flag_in(document, "LiveRestoreEnabled"),
        in_swarm=text_in(swarm, "LocalNodeState", "inactive") not in ("inactive", ""),
        security=texts(document, "SecurityOptions"),
        insecure=(*(network for network in networks if network not in LOOPBACK), *unsafe),
        authorization=texts(plugins, "Authorization"),
        images=number_in(document, "Images"),
    )


def options_of(process: Piece) -> Values:
    """The options of the dockerd that runs. Raises Unobservable where it was not seen, or there are several."""
    if process.word != "1":
        several = f"{process.word} processes of dockerd run here, and only one can be looked at"
        raise Unobservable("no process of dockerd was seen" if process.word == "0" else several)
    if not any(process.lines):
        raise Unobservable("the command line of dockerd cannot be read", hint="set `sudo: true`, or `audit`")
    return parse_options(process.lines[1:])


def settings_of(settings: Piece) -> Values:
    """What the engine's file says; nothing without one.

    Raises Unobservable where it cannot be read, and where it is not what the engine runs with.
    """
    if settings.word in WHY_NOT_READ:
        raise Unobservable(WHY_NOT_READ[settings.word])
    if settings.word == "absent":
        return {}
    values = parse_settings(settings.text)
    if "newer" in settings.words:
        raise Unobservable(
            "the engine's settings were changed after it started, so what it runs with is not what they say",
            hint="restart the engine when that is convenient: a reload does not show what it took",
        )
    return values


def bridge_of(bridge: Piece) -> bool | None:
    """What `parse_bridge` says. Raises Unobservable where the engine did not say whether there is such a network."""
    if bridge.word == "unknown":
        raise Unobservable("the engine did not show the network `bridge`")
    return parse_bridge(bridge.text)


def parse_bridge(text: str) -> bool | None:
    """Whether containers on the default bridge may talk to each other; None without that network.

    >>> parse_bridge('{"com.docker.network.bridge.enable_icc":"false"}'), parse_bridge("")
    (False, None)
    """
    if not text.strip():
        return None
    options = json_document(text, "`docker network inspect`") or {}
    return text_in(mapping(options, "Options"), "com.docker.network.bridge.enable_icc", "true") != "false"


def seccomp_action(profile: Piece) -> str:
    """The default action of the engine's own profile of seccomp. Raises Unobservable where it was not seen.

    >>> seccomp_action(Piece("seccomp", ("read",), ('"defaultAction" : "SCMP_ACT_ERRNO"',)))
    'SCMP_ACT_ERRNO'
    """
    if profile.word == "newer":
        raise Unobservable(
            "the engine's seccomp profile was changed after it started", "restart it when that is convenient"
        )
    actions = [line.split('"')[-2] for line in profile.lines if line.count('"') == 4]
    if profile.word != "read" or len(actions) != 1:
        raise Unobservable("what the engine's seccomp profile does by default could not be seen")
    return default_action(json.dumps({DEFAULT: actions[0]}))


def parse_file(piece: Piece) -> EngineFile:
    """One file. What is no number, and a name over several lines, could not be seen."""
    role, *numbers = (*piece.words, "?", "?", "?", "?", "?")[:5]
    path, real = piece.lines if len(piece.lines) == 2 else (piece.text, "")
    owner, group = (int(number) if NUMBER.fullmatch(number) else None for number in numbers[:2])
    mode = int(numbers[2], 8) if MODE.fullmatch(numbers[2]) else None
    return EngineFile(role, path, real, owner, group, mode, numbers[3])


def members_of(pieces: Iterable[Piece]) -> tuple[str, ...]:
    """The accounts that may use a socket by its group. Raises Unobservable where nobody says who is in a group."""
    groups = [piece for piece in pieces if piece.name == "group"]
    if any(piece.word == "?" for piece in groups):
        raise Unobservable("who is in the group of the engine's socket cannot be asked (no `getent`)")
    return tuple(sorted({line for piece in groups for line in piece.lines if line}))


def accounts_of_acl(pieces: list[Piece]) -> tuple[str, ...]:
    """The accounts and groups that an access list lets use a socket. Raises Unobservable where one cannot be read.

    >>> accounts_of_acl([Piece("acl", (), ("user:ops:rw-", "group:dev:r--", "user:www:---"))])
    ('user ops',)
    """
    if any(piece.name == "acl" and piece.word == "unknown" for piece in pieces):
        raise Unobservable("the socket has an access list, and there is no `getfacl` to read it with")
    rows = [line.split("\t")[0].split(":") for piece in pieces if piece.name == "acl" for line in piece.lines]
    return tuple(f"{row[0]} {row[1]}" for row in rows if len(row) == 3 and "w" in row[2])


def parse_audit(state: Piece, saved: Piece) -> Auditing:
    """The kernel's audit. Raises Unobservable where it could not be asked."""
    if state.word == "absent":
        raise Unobservable(
            "there is no `auditctl` on this node", hint="install auditd, or accept cis:1.1.* for a while"
        )
    if state.word not in ("0", "1", "2"):
        hint = "it must be root's own, outside of containers; or accept cis:1.1.* for a while"
        raise Unobservable("`auditctl` gave no answer: what the kernel records cannot be seen", hint)
    return Auditing(state.word != "0", parse_watches(state.lines), parse_watches(saved.lines))
