"""One `remediate --fix`: what is agreed to is applied under locks, the rest is said; then the table of ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from fleet.commands import Unobservable
from fleet.links import Link
from fleet.reports.text import count
from remediate.apply import Applier, End, Ended, Proof, Prove, Say, locks_of, silent
from remediate.consent import covers, lacking
from remediate.exits import Exit
from remediate.journal import Journal
from remediate.plan import Disturbs
from remediate.planning import Planned, Proposal, size
from remediate.session import Session
from remediate.steps import Place

OF_END = {
    End.FIXED: Exit.NOTHING_LEFT,
    End.ALREADY: Exit.NOTHING_LEFT,
    End.STILL_FAILING: Exit.FINDINGS_REMAIN,
    End.FAILED: Exit.REMEDY_FAILED,
    End.UNKNOWN: Exit.NOT_ALL_SEEN,
    End.CHANGED: Exit.FINDINGS_REMAIN,
    End.SKIPPED: Exit.FINDINGS_REMAIN,
    End.INTERRUPTED: Exit.INTERRUPTED,
}
BAD = frozenset({End.FAILED, End.UNKNOWN})


@dataclass(frozen=True)
class Terms:
    """What a person agreed to: kinds of disturbance, how many changes at most, after how many failures to stop.

    `answered`: somebody at a terminal was asked, and has said no to what is not agreed.
    """

    agreed: frozenset[Disturbs] = frozenset({"nothing"})
    max_changes: int | None = None
    max_fail: int | None = None
    answered: bool = False


@dataclass
class Fixing:
    """The application of a proposal's plans. `ends` grows as they end, so that an interruption loses nothing."""

    session: Session
    journal: Journal
    run: str
    terms: Terms
    say: Say = silent
    place: Place = field(default_factory=lambda: Place("", 0))
    ends: list[Ended] = field(default_factory=list)
    prove: Prove | None = None
    """How success is seen, where it is not by the rule: a restore is whole when its database has its last name."""

    def apply(self, proposal: Proposal) -> None:
        """Apply what is agreed to, one plan after the other. Raises Busy before any change, KeyboardInterrupt."""
        wanted = [one for one in proposal.planned if covers(one.plan, self.terms.agreed)]
        if refused := self.too_many(wanted):
            self.ends += [Ended(one, End.SKIPPED, refused) for one in proposal.planned]
            return
        with locks_of(self.run, self.link_to, self.place) as locks:
            unlocked = locks.take(node for one in wanted for node in one.plan.nodes) if wanted else {}
            applier = Applier(
                *(self.run, self.journal, locks, self.link_to, self.prove or self.session.prove, self.session.renew),
                *(self.say, self.place),
            )
            for one in proposal.planned:
                try:
                    self.ends.append(self.one(one, applier, unlocked))
                except KeyboardInterrupt:
                    self.ends += self.cut_short(proposal.planned[len(self.ends) :])
                    raise

    def cut_short(self, left: Sequence[Planned]) -> Iterator[Ended]:
        """The ends of the plan that was interrupted, if it had begun, and of those after it."""
        begun = {plan.number for plan in self.journal.plans(self.run)}
        for one in left:
            if one.number in begun:
                yield Ended(one, End.INTERRUPTED, "what its last step did is not known")
            else:
                yield Ended(one, End.SKIPPED, "the run was interrupted before")

    def link_to(self, node: str) -> Link:
        return self.session.link_to(self.session.inventory.nodes[node])

    def too_many(self, wanted: list[Planned]) -> str:
        """Why nothing at all is done: the plan is larger than --max-changes."""
        changes = sum(size(one.plan) for one in wanted)
        most = self.terms.max_changes
        if most is None or changes <= most:
            return ""
        return f"the plan makes {count(changes, 'change')}, more than --max-changes {most}"

    def one(self, planned: Planned, applier: Applier, unlocked: Mapping[str, Unobservable]) -> Ended:
        """Apply one plan, or say why not."""
        if why := self.not_now(planned):
            return Ended(planned, End.SKIPPED, why)
        for node in sorted(planned.plan.nodes & set(unlocked)):
            return Ended(planned, End.FAILED, f"{unlocked[node]}; nothing was changed")
        return self.needless(planned) or applier.apply(planned)

    def needless(self, planned: Planned) -> Ended | None:
        """A person may have thought for long, and an earlier plan may have mended this one's findings too.

        So they are judged once more, under the lock, before anything is changed. A plan without findings was asked for
        by a person (`backups create`, `certificates rehearse`): nothing can make it needless.
        """
        if not planned.findings:
            return None
        proof, why = self.session.judged_again(planned)
        if proof is Proof.FIXED:
            return Ended(planned, End.ALREADY, "the finding is gone")
        if proof is Proof.UNKNOWN:
            return Ended(planned, End.UNKNOWN, f"{why}; nothing was changed")
        return None

    def not_now(self, planned: Planned) -> str:
        """Why a plan is not applied: no consent, something that comes first failed, or too much has failed."""
        if not covers(planned.plan, self.terms.agreed):
            missing = ",".join(lacking(planned.plan, self.terms.agreed))
            needed = f"--allow {missing}" if missing else "--yes"
            return "you did not agree to it" if self.terms.answered else f"it needs {needed}"
        failed = sum(ended.end in BAD for ended in self.ends)
        if self.terms.max_fail is not None and failed >= self.terms.max_fail:
            return f"stopped after {count(failed, 'failure')} (--max-fail {self.terms.max_fail})"
        first = [ended for ended in self.ends if ended.planned.rule.id in planned.plan.after]
        bad = [ended.planned.rule.id for ended in first if ended.end not in {End.FIXED, End.ALREADY}]
        return f"{bad[0]} comes first, and is not right yet" if bad else ""


def exits(left: Proposal, ends: Iterable[Ended] = ()) -> list[Exit]:
    """The reasons for an exit code: what a look shows to be left, and how plans ended. Warnings alone leave it 0."""
    found = [Exit.NOT_ALL_SEEN for _ in left.unknown]
    found += [Exit.FINDINGS_REMAIN for one in left.by_hand if one.finding.severity == "error"]
    found += [Exit.FINDINGS_REMAIN for one in left.planned if counts(one)]
    return found + [OF_END[ended.end] for ended in ends if counts(ended.planned) or ended.end in BAD]


def counts(planned: Planned) -> bool:
    """Whether the plan answers more than warnings."""
    return any(finding.severity == "error" for finding in planned.findings)
