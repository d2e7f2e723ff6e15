"""What a seccomp profile, as Docker takes it, does with the system calls that it does not name.

Sources: https://docs.docker.com/engine/security/seccomp/; seccomp(2); seccomp_rule_add(3) for the names of actions.
"""

from __future__ import annotations

import json
import re

from fleetkeeper.transport.commands import Unobservable

ALLOWS = ("SCMP_ACT_ALLOW", "SCMP_ACT_LOG")
"""The default actions with which a profile lets every system call pass that it does not name."""
DENIES = (
    *("SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP", "SCMP_ACT_ERRNO"),
    *("SCMP_ACT_TRACE", "SCMP_ACT_NOTIFY"),
)
DEFAULT = "defaultAction"
NO_FILTER = "none"
"""In place of a default action: an empty profile, with which Docker sets no filter."""
WORDS = ("", "builtin", "unconfined")
"""What Docker takes in place of a profile: the engine's own, and none."""
SEPARATOR = re.compile("[=:]")


def split_option(option: str) -> tuple[str, str]:
    """The key and the value of a security option, which is spelled with `=` or, as before, with `:`.

    >>> split_option('seccomp={"defaultAction":"SCMP_ACT_ERRNO"}'), split_option("seccomp:unconfined")
    (('seccomp', '{"defaultAction":"SCMP_ACT_ERRNO"}'), ('seccomp', 'unconfined'))
    """
    key, *value = SEPARATOR.split(option, maxsplit=1)
    return key, "".join(value)


def default_action(profile: str) -> str:
    """The default action of a profile, by its JSON: one of ALLOWS or DENIES, or NO_FILTER.

    Its keys may be in any case, as Go reads them (encoding/json).

    >>> default_action('{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}'), default_action("{}")
    ('SCMP_ACT_ALLOW', 'none')

    Raises Unobservable for what is no JSON object, has a key twice, or has an action that libseccomp does not have.
    """
    try:
        keys = json.loads(profile, object_pairs_hook=list)
    except (ValueError, RecursionError):
        keys = None
    if not isinstance(keys, list) or not all(isinstance(row, tuple) for row in keys) or not profile.lstrip()[:1] == "{":
        raise Unobservable("its seccomp profile is no JSON that can be read here")
    names = [key.lower() for key, _ in keys]
    if len(set(names)) < len(names):
        raise Unobservable("its seccomp profile has a key twice")
    by_name = dict(zip(names, (value for _, value in keys), strict=True))
    action = by_name.get(DEFAULT.lower()) or ""
    if action == "" and not any(by_name.get(key) for key in ("syscalls", "architectures", "archmap")):
        return NO_FILTER
    if action not in (*ALLOWS, *DENIES):
        raise Unobservable("the default action of its seccomp profile is none that libseccomp has")
    return str(action)


def lets_all_pass(profile: str) -> bool:
    """Whether a profile allows what it does not name, or is empty. Raises Unobservable as `default_action` does."""
    return default_action(profile) in (*ALLOWS, NO_FILTER)


def without_rules(option: str) -> str:
    """A security option as it is kept: of a profile of seccomp its default action alone, `?` where it has none to read.

    >>> without_rules('seccomp={"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read"]}]}')
    'seccomp={"defaultAction":"SCMP_ACT_ERRNO"}'
    >>> without_rules("seccomp=x.json"), without_rules("seccomp:unconfined"), without_rules("seccomp={}")
    ('seccomp=?', 'seccomp:unconfined', 'seccomp={}')
    """
    key, profile = split_option(option)
    if key != "seccomp" or profile in WORDS:
        return option
    try:
        action = default_action(profile)
    except Unobservable:
        return "seccomp=?"
    return "seccomp=" + ("{}" if action == NO_FILTER else json.dumps({DEFAULT: action}, separators=(",", ":")))
