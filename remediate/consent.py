"""Consent by kind of disturbance: --yes covers what disturbs nothing, everything else is allowed by its own word."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from fleetkeeper.errors import UsageError, nearest_name
from remediate.plan import Disturbs, Plan


class Consent(NamedTuple):
    """One row of the table of consent. `word` is that of --allow; "nothing" is covered by --yes.

    `disturbs` says what happens, `question` asks a person, `unattended` tells whether `remediate --nightly` may do it
    for a rule that the inventory lists.
    """

    word: str
    kind: Disturbs
    disturbs: str
    question: str
    unattended: bool


CONSENTS = (
    Consent("nothing", "nothing", "no service: a file, a crontab line, a dump, a copy, a reload",
            "Make the changes that disturb nothing ({count})?", unattended=True),
    Consent("restart", "restart", "a service is down for some seconds", "Restart services ({count})?", unattended=True),
    Consent("resume", "resume", "jobs that wait are taken again, which somebody may have stopped on purpose",
            "Take jobs again, which somebody may have stopped on purpose ({count})?", unattended=False),
    Consent("interrupt", "interrupt", "work that is running is lost, such as a job of a queue",
            "Interrupt running work, which is lost ({count})?", unattended=False),
    Consent("engine-restart", "engine-restart", "every container of a node stops for a moment",
            "Restart the engine, and with it every container of the node ({count})?", unattended=False),
    Consent("delete", "deletion", "files are gone, for good", "Delete files, for good ({count})?", unattended=True),
    Consent("ownership", "ownership", "files belong to another user", "Change who owns files ({count})?",
            unattended=True),
    Consent("modes", "modes", "files may be read or written by others than before",
            "Change who may read and write files ({count})?", unattended=True),
    Consent("deploy", "deploy", "a service or a stack is deployed from its file",
            "Deploy services from their files ({count})?", unattended=False),
)  # fmt: skip
"""The one table of consent: --help and docs/remediate.md are made from it."""
WORDS: dict[str, Disturbs] = {consent.word: consent.kind for consent in CONSENTS if consent.kind != "nothing"}
QUESTIONS: dict[Disturbs, str] = {consent.kind: consent.question for consent in CONSENTS}
UNATTENDED: frozenset[Disturbs] = frozenset(consent.kind for consent in CONSENTS if consent.unattended)
"""The kinds that `remediate --nightly` may need for the rules that the inventory lists."""
HARMLESS: frozenset[Disturbs] = frozenset({"nothing", "reload"})


def consent_rows() -> list[tuple[str, str, str, str]]:
    """The table of consent as text: what is allowed, by which option, what it disturbs, and whether at night."""
    return [
        (
            consent.word,
            "--yes" if consent.kind == "nothing" else f"--allow {consent.word}",
            consent.disturbs,
            "where listed" if consent.unattended else "never",
        )
        for consent in CONSENTS
    ]


def consent_help() -> str:
    """The table of consent as the end of --help."""
    rows = [f"  {option:<23}{disturbs}" for _, option, disturbs, _ in consent_rows()]
    return "\n".join(["\b\nConsent: --yes alone covers what disturbs nothing; all else needs its own word:", *rows])


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
    """The words of --allow that a plan still needs; `given` are the kinds that are agreed to.

    Empty also when all that is lacking is --yes: `is_covered` tells.
    """
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
    """The kinds of consent that a plan needs; "nothing" for a reload, and for what disturbs nothing."""
    return {"nothing" if kind in HARMLESS else kind for kind in plan.disturbs or ("nothing",)}
