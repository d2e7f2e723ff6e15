"""Consent by kind of disturbance: --yes covers what disturbs nothing, everything else is allowed by its own word."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from fleetkeeper.errors import UsageError, nearest_name
from remediate.plan import Disturbs, Plan

WORDS: dict[str, Disturbs] = {"restart": "restart", "delete": "deletion", "ownership": "ownership"}
HARMLESS: frozenset[Disturbs] = frozenset({"nothing", "reload"})
QUESTIONS: dict[Disturbs, str] = {
    "nothing": "Make the changes that disturb nothing ({count})?",
    "restart": "Restart services ({count})?",
    "deletion": "Delete files, for good ({count})?",
    "ownership": "Change who owns files ({count})?",
}


def parse_allowed(values: Iterable[str]) -> frozenset[Disturbs]:
    """The kinds that --allow names: words with commas, and several options.

    Raises UsageError for a word that is none.

    >>> sorted(parse_allowed(["restart,delete"]))
    ['deletion', 'restart']
    """
    words = [word.strip() for value in values for word in value.split(",")]
    for word in words:
        if word not in WORDS:
            raise UsageError(f"--allow {word!r}: no such kind", hint=nearest_name(word, WORDS, "kinds"))
    return frozenset(WORDS[word] for word in words)


def lacking_consent(plan: Plan, given: Collection[Disturbs]) -> list[str]:
    """The words of --allow that a plan still needs; `given` are the kinds that are agreed to."""
    missing = consent_kinds(plan) - set(given)
    return [word for word, kind in WORDS.items() if kind in missing]


def ask_consent(plans: Iterable[Plan], given: Collection[Disturbs], ask: Callable[[str], bool]) -> frozenset[Disturbs]:
    """The kinds that a person agrees to, each asked once with `ask`, besides those in `given`.

    A plan that has been refused for one kind is not asked about for another.
    """
    left = list(plans)
    agreed = set(given)
    for kind in [kind for kind in QUESTIONS if kind not in agreed]:
        touched = [plan for plan in left if kind in consent_kinds(plan)]
        if touched and ask(QUESTIONS[kind].format(count=len(touched))):
            agreed.add(kind)
        else:
            left = [plan for plan in left if kind not in consent_kinds(plan)]
    return frozenset(agreed)


def is_covered(plan: Plan, agreed: Collection[Disturbs]) -> bool:
    """Whether `agreed` has every kind of consent that a plan needs."""
    return consent_kinds(plan) <= set(agreed)


def consent_kinds(plan: Plan) -> set[Disturbs]:
    """The kinds of consent that a plan needs; a reload counts as "nothing"."""
    return {"nothing" if kind in HARMLESS else kind for kind in plan.disturbs or ("nothing",)}
