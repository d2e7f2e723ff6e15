"""Consent by kind of disturbance: --yes covers what disturbs nothing, everything else is allowed by its own word."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from fleet.errors import UsageError, nearest
from remediate.plan import Disturbs, Plan

WORDS: dict[str, Disturbs] = {"restart": "restart", "delete": "deletion", "ownership": "ownership"}
HARMLESS: frozenset[Disturbs] = frozenset({"nothing", "reload"})
QUESTIONS: dict[Disturbs, str] = {
    "nothing": "Make the changes that disturb nothing ({count})?",
    "restart": "Restart services ({count})?",
    "deletion": "Delete files, for good ({count})?",
    "ownership": "Change who owns files ({count})?",
}


def allowed(values: Iterable[str]) -> frozenset[Disturbs]:
    """The kinds that --allow names: words with commas, and several options.

    Raises UsageError for a word that is none.

    >>> sorted(allowed(["restart,delete"]))
    ['deletion', 'restart']
    """
    words = [word.strip() for value in values for word in value.split(",")]
    for word in words:
        if word not in WORDS:
            raise UsageError(f"--allow {word!r}: no such kind", hint=nearest(word, WORDS, "kinds"))
    return frozenset(WORDS[word] for word in words)


def lacking(plan: Plan, given: Collection[Disturbs]) -> list[str]:
    """The words of --allow that a plan still needs."""
    missing = kinds(plan) - set(given)
    return [word for word, kind in WORDS.items() if kind in missing]


def asked(plans: Iterable[Plan], given: Collection[Disturbs], ask: Callable[[str], bool]) -> frozenset[Disturbs]:
    """The kinds that a person at the terminal agrees to, each asked once, besides those given already."""
    plans = list(plans)
    agreed = set(given)
    for kind, question in QUESTIONS.items():
        touched = [
            plan for plan in plans if kind in plan.disturbs or (kind == "nothing" and HARMLESS & {*plan.disturbs})
        ]
        if touched and kind not in agreed and ask(question.format(count=len(touched))):
            agreed.add(kind)
    return frozenset(agreed)


def covers(plan: Plan, agreed: Collection[Disturbs]) -> bool:
    """Whether a plan may be applied."""
    return kinds(plan) <= set(agreed)


def kinds(plan: Plan) -> set[Disturbs]:
    """The kinds of consent that a plan needs; a reload counts as nothing."""
    return {"nothing" if kind in HARMLESS else kind for kind in plan.disturbs or ("nothing",)}
