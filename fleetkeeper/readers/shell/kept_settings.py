"""The variables that decide which engine Docker's client asks, as far as a command gets them through its wrappers.

Sources: sudo(8) on -E and --preserve-env, systemd-run(1) on --setenv and --property, env(1) on -i and -u.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from fleetkeeper.readers.shell.words import Part, Word, literal_text

KEPT = frozenset({"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "HOME"})
"""Variables whose values are kept with each command: they decide whom a client asks."""
DROPPING = frozenset({"sudo", "doas", "systemd-run"})
PRESERVED = re.compile(r"-[A-Za-z]*E[A-Za-z]*|--preserve-env|--scope")
SOME_PRESERVED = re.compile(r"--preserve-env=(.*)|--setenv=(\w+)")
SET = re.compile(r"(?:--setenv=|-E|-p|--property=)?(?:Environment=)?[\"']?(\w+)=")
OF_UNIT = re.compile(r"(?:-p|--property=)?(?:EnvironmentFile|PassEnvironment)=")


def kept_settings(exported: Mapping[str, Word], wrappers: Sequence[Word], own: Mapping[str, Word]) -> dict[str, Word]:
    """The variables of KEPT that a command gets: from its script, where no wrapper drops them, and its own assignments.

    `exported` are those of the script, `wrappers` the words of sudo, env and the like before the command, `own` its
    assignments.
    """
    texts = [literal_text(word) or "" for word in wrappers]
    bases = {text.rpartition("/")[2] for text in texts}
    before = {name: value for name, value in {**exported, **own}.items() if name in KEPT}
    values = {name: value for name, value in before.items() if name in passed_names(texts, bases)}
    for text, after in pairwise([*texts, ""]):
        emptied = after if text in ("-u", "--unset") and "env" in bases else text.removeprefix("--unset=")
        values.pop(emptied, None)
    values.update({name: value for name, value in settings_in(wrappers).items() if name in KEPT})
    if "systemd-run" in bases and any(map(OF_UNIT.match, texts)):
        values.setdefault("DOCKER_HOST", (Part("variable", "DOCKER_HOST"),))
    return values


def passed_names(texts: Sequence[str], bases: set[str]) -> frozenset[str]:
    """The names of KEPT that wrappers with these words (`bases` without directories) let through to their command.

    >>> sorted(passed_names(["sudo", "-nE"], {"sudo"}) - {"HOME"})
    ['DOCKER_CONFIG', 'DOCKER_CONTEXT', 'DOCKER_HOST']
    >>> passed_names(["sudo", "--preserve-env=A,DOCKER_HOST"], {"sudo"}), passed_names(["env", "-i"], {"env"})
    (frozenset({'DOCKER_HOST'}), frozenset())
    """
    if "env" in bases and {"-", "-i", "--ignore-environment"} & set(texts):
        return frozenset()
    if not DROPPING & bases or any(map(PRESERVED.fullmatch, texts)):
        return KEPT
    matches = [match for match in map(SOME_PRESERVED.fullmatch, texts) if match]
    return KEPT & {name for match in matches for name in (match[1] or match[2]).split(",")}


def settings_in(words: Sequence[Word]) -> dict[str, Word]:
    """The assignments among the words of wrappers, also those in an option of `systemd-run`.

    >>> line = "systemd-run --setenv=A=1 -pEnvironment=B=2 -E C=3 --property Environment=D=4"
    >>> sorted(settings_in([(Part("text", word),) for word in line.split()]))
    ['A', 'B', 'C', 'D']
    """
    values: dict[str, Word] = {}
    for word in [word for word in words if word and word[0].kind == "text"]:
        if match := SET.match(word[0].text):
            behind = word[0].text[match.end() :].rstrip("\"'")
            values[match[1]] = (Part("text", behind), *word[1:]) if behind or not word[1:] else word[1:]
    return values
