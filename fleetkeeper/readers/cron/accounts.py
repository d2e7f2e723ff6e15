"""Whether PAM lets cron run something for an account: its expiry and that of its password, and access.conf.

Cron asks PAM's account phase before each run, and does not run the line when that refuses; nobody is told but its log.
Source: pam_unix(8) and its check_shadow_expiry(), shadow(5), pam_access(8), access.conf(5); tried with Debian's cron.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from fleetkeeper.readers.cron.snapshot import Snapshot
from fleetkeeper.readers.numbers import whole_number
from fleetkeeper.readers.shell.surroundings import User
from fleetkeeper.transport.commands import Unobservable

NEVER = -1
MOST_GROUPS = 1000


def refusal_of(name: str, answers: Snapshot) -> str | None:
    """Why cron does not run anything for an account now; "" when nothing is known against it.

    None where it cannot be told, by rules of access.conf that are not understood here. `answers` are those of the node
    about its accounts: "" where it did not say that cron asks PAM.
    """
    if "pam" not in answers.lines:
        return ""
    if name in answers.lines.get("noshadow", []):
        return "it has no line in /etc/shadow"
    if expired := expiry_of(name, answers):
        return expired
    return access_refusal(name, answers.lines.get("access", []))


def expiry_of(name: str, answers: Snapshot) -> str:
    """Why an account has expired; "" when it has not, and where `answers` say nothing about that."""
    rows = [row.split(" ") for row in answers.lines.get("shadow", [])]
    numbers = next((row[1:] for row in rows if row[0] == name and len(row) == 5), None)
    return expiry(numbers, answers.one("day")) if numbers is not None else ""


def expiry(numbers: Sequence[str], today: str) -> str:
    """Why an account has expired; "" when it has not. `numbers`: last change, maximum, inactive, expiry; all in days.

    These four, no more and no fewer; "-" for one that is not set, and so counts one that is no number. `today` is in
    days since 1970.

    >>> expiry(["20000", "99999", "-", "-"], "20787"), expiry(["20000", "90", "-", "-"], "20787")
    ('', 'its password has expired')
    """
    day = days(today)
    last, most, _, end = map(days, numbers)
    if end != NEVER and day >= end:
        return "the account has expired"
    if last == 0:
        return "its password must be changed"
    if NEVER not in (most, last) and day - last > most:
        return "its password has expired"
    return ""


def days(text: str) -> int:
    """A number of days as /etc/shadow has it; NEVER for none, and for a negative one.

    So for any other text, and for numbers of more than eight digits.
    """
    return int(text) if re.fullmatch("[0-9]{1,8}", text) else NEVER


def access_refusal(name: str, rules: Sequence[str]) -> str | None:
    """Why access.conf keeps cron from running something for an account: the first rule that fits decides.

    "" when it does not, and when none fits: one for other origins, such as a network, does not. None where a rule
    before that is not understood: (groups), @netgroups, EXCEPT, other than three parts, or a name that may be a group.
    Source: access.conf(5), pam_access(8) (`nodefgroup`).

    >>> access_refusal("ops", ["-:ALL:cron"]), access_refusal("root", ["+:root:LOCAL", "-:ALL:ALL"])
    ('access.conf refuses it', '')
    >>> access_refusal("ops", ["-:admins:ALL"]), access_refusal("ops", ["-:admins:10.0.0.0/8"])
    (None, '')
    """
    for rule in rules:
        parts = [part.split() for part in rule.split(":")]
        if len(parts) != 3 or not parts[0] or "EXCEPT" in rule.split():
            return None
        sign, users, origins = parts[0][0], parts[1], parts[2]
        if any(user.startswith(("@", "(")) for user in users):
            return None
        if not {"cron", "crond", "ALL", "LOCAL"} & set(origins):
            continue
        if not {name, "ALL"} & set(users):
            return None
        return "" if sign == "+" else "access.conf refuses it"
    return ""


def user_of(name: str, answers: Snapshot, account: str) -> User | None:
    """An account of the node with its groups and home directory.

    At most 1000 of its groups. None where nothing was said about it, or its numbers cannot be read. `account` is the
    one that asked.
    """
    for row in answers.lines.get("login", []):
        own, uid, groups, home = [*row.split(" ", 3), "", "", ""][:4]
        if own == name:
            numbers = [group for group in groups.split(",") if group][:MOST_GROUPS]
            try:
                groups_of = frozenset(map(whole_number, numbers))
                shell = login_shell(name, answers)
                return User(name, whole_number(uid), groups_of, home, name == account, shell, expiry_of(name, answers))
            except Unobservable:
                return None
    return None


def login_shell(name: str, answers: Snapshot) -> str:
    """The login shell of an account, as /etc/passwd has it; "" where nothing was said about it."""
    rows = [row.partition(" ") for row in answers.lines.get("shell", [])]
    return next((shell for own, _, shell in rows if own == name), "")
