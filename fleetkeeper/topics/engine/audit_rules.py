"""Parsing of the rules of the kernel's audit (auditctl(8)), as `auditctl -l` prints them and files hold them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath

from fleetkeeper.topics.engine.facts import Watch

EVERYTHING = "rwxa"
NARROW = frozenset({"b32", "i386", "i486", "i586", "i686", "arm", "armeb", "ppc", "s390", "40000003"})
WIDE = frozenset({"b64", "x86_64", "aarch64", "ppc64", "ppc64le", "s390x", "riscv64", "c000003e", "c00000b7"})
"""Programs of the machine's own width, by the names and numbers of auditctl(8) and linux/audit.h.

A rule about those of 32 bits alone says nothing of the others.
"""
JOINED = re.compile(r"-[wpkaAFSC][^-\s]\S*")
"""An option with its value in one word, as getopt(3) takes it: `-w/etc/docker`, `-pwa`."""
COMPARISON = re.compile(r"([a-z0-9_]+)=([^=].*)")
"""A field that equals something; other comparisons (`auid>=1000`, `uid!=0`, `a0&4`) are conditions of their own."""


@dataclass(frozen=True)
class AuditRule:
    """One rule: its list (`exit`, `task` …), whether it records, and of which path; `path` is "" for all that happens.

    `whole`: it has no further condition, such as a user, a result or single calls.
    """

    list_name: str
    recording: bool
    whole: bool
    watch: Watch


def parse_watches(lines: Iterable[str]) -> tuple[Watch, ...]:
    """The rules that watch a path; others are left out, and so are those that an earlier `never` silences.

    >>> parse_watches(["-w /etc/docker -p wa -k docker", "-a always,exit -F path=/usr/bin/runc -F perm=x", "-D"])
    (Watch(path='/etc/docker', records='wa', below=True), Watch(path='/usr/bin/runc', records='x', below=False))
    >>> parse_watches(["-a never,exit -F dir=/var/lib", "-w /var/lib/docker -p wa", "-w /etc/docker -p wa"])
    (Watch(path='/etc/docker', records='wa', below=True),)

    The kernel takes the first rule that fits (auditctl(8)); one of the list `task` that never records, as some
    distributions ship it, switches all rules about calls off, and watches are such rules.
    """
    rules: list[AuditRule] = []
    for line in lines:
        for rule in audit_rules_in(line.split()):
            rules.insert(0 if line.split()[0] == "-A" else len(rules), rule)
    silent = [rule for rule in rules if not rule.recording and rule.whole]
    if any(rule.list_name == "task" for rule in silent):
        return ()
    watches = [(index, rule.watch) for index, rule in enumerate(rules) if rule.recording and rule.whole]
    return tuple(
        watch
        for index, watch in watches
        if watch.path and not any(silences(rule.watch, watch.path) for rule in rules[:index] if rule in silent)
    )


def audit_rules_in(words: list[str]) -> Iterator[AuditRule]:
    """The rule that a line is; none for a line about anything else."""
    pairs = list(pairwise(split_options(words)))
    options = dict(pairs)
    if "-w" in options:
        yield AuditRule("exit", True, True, Watch(plain_path(options["-w"]), options.get("-p", EVERYTHING), below=True))
        return
    action = set(options.get("-a", options.get("-A", "")).split(","))
    if not action & {"always", "never"} or not action & {"exit", "task"}:
        return
    recording = "always" in action
    conditions = [COMPARISON.fullmatch(text) for option, text in pairs if option == "-F" and text != "arch!=b32"]
    fields = {match[1]: match[2] for match in conditions if match}
    others = fields.keys() - {"path", "dir", "perm", "key", "arch"}
    whole = all(conditions) and not others and options.get("-S", "all") == "all" and "-C" not in options
    whole = whole and is_of_own_width(fields.get("arch", ""), recording=recording)
    path = plain_path(fields.get("path", fields.get("dir", "")))
    watch = Watch(path, fields.get("perm", EVERYTHING), below="dir" in fields)
    yield AuditRule("task" if "task" in action else "exit", recording, whole, watch)


def plain_path(written: str) -> str:
    """A path without slashes at its end."""
    return written.rstrip("/") or written[:1]


def split_options(words: Iterable[str]) -> list[str]:
    """The words of a rule, options and their values apart.

    >>> split_options(["-w/etc/docker", "-p", "wa", "-Fkey=-x"])
    ['-w', '/etc/docker', '-p', 'wa', '-F', 'key=-x']
    """
    return [part for word in words for part in ((word[:2], word[2:]) if JOINED.fullmatch(word) else (word,))]


def is_of_own_width(arch: str, *, recording: bool) -> bool:
    """Whether a rule counts for programs of the machine's own width, by its field `arch` ("" for all of them).

    One that is not understood is no record, and silences.

    >>> [is_of_own_width(arch, recording=True) for arch in ("", "b64", "b32", "i386", "sparc")]
    [True, True, False, False, False]
    """
    return not arch or (arch in WIDE if recording else arch not in NARROW)


def silences(silent: Watch, path: str) -> bool:
    """Whether a rule that never records keeps writes to a path from being recorded; one without a path keeps all."""
    above = {str(parent) for parent in PurePosixPath(path).parents}
    return bool(set("wa") & set(silent.records)) and (
        not silent.path or silent.path == path or (silent.below and silent.path in above)
    )


def is_watched(path: str, watches: Iterable[Watch], *, directory: bool = False) -> bool:
    """Whether writes to a path, and changes of its attributes, are recorded. Of a `directory`, what is in it counts.

    >>> rules = parse_watches(["-w /etc/docker -p wa", "-w /usr/bin/containerd-shim -p wa", "-w /usr/bin/runc -p x"])
    >>> [is_watched(path, rules) for path in ("/etc/docker/daemon.json", "/usr/bin/containerd", "/usr/bin/runc")]
    [True, False, False]
    """
    above = {str(parent) for parent in PurePosixPath(path).parents}
    about = [
        watch
        for watch in watches
        if (watch.path == path and (watch.below or not directory)) or (watch.below and watch.path in above)
    ]
    return set("wa") <= {kind for watch in about for kind in watch.records}
