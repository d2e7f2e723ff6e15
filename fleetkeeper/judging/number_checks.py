"""Promises of several numbers of the CIS Docker Benchmark: a check for each, and how they become findings and parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.benchmark_ids import LEVEL_2, in_editions
from fleetkeeper.inventory.benchmark_policy import Benchmark
from fleetkeeper.judging.finding import Finding, Part, Severity
from fleetkeeper.transport.commands import Unobservable

LEVEL = "level 2 of the benchmark is not asked for (`benchmark: {level: 2}`)"


@dataclass(frozen=True)
class Wrong:
    """What one check finds wrong: the text of the finding, and its severity.

    `about` is the file that it is about; empty for the id itself.
    """

    saw: str
    want: str
    why: str = ""
    hint: str = ""
    severity: Severity = "warning"
    about: str = ""


NumberChecks = Mapping[str, Callable[[], Iterable[Wrong | Unobservable]]]
"""The checks of a promise by their number in 1.8.

A check raises NotApplicable where there is nothing of its kind, Unobservable where it could not be seen; it yields an
Unobservable for a part of what it is about.
"""


def judge_numbers(checks: NumberChecks, policy: Benchmark, node: str) -> Iterator[Finding | Part]:
    """A finding for what each check finds wrong on a node, and a Part for what does not apply or was not seen."""
    for number, check in checks.items():
        ids = in_editions(number)
        if number in LEVEL_2 and policy.level < 2:
            yield Part(ids, LEVEL, node)
            continue
        try:
            for wrong in check():
                if isinstance(wrong, Unobservable):
                    yield Part(ids, replace(wrong, node=wrong.node or node), node)
                else:
                    yield finding_of_part(wrong, ids, node)
        except NotApplicable as why:
            yield Part(ids, str(why), node)
        except Unobservable as why:
            yield Part(ids, replace(why, node=why.node or node), node)


def finding_of_part(wrong: Wrong, ids: tuple[str, ...], node: str) -> Finding:
    """The finding about what one check found wrong."""
    number = ids[-1].partition(":")[2]
    return Finding(
        saw=wrong.saw,
        want=f"{wrong.want} (CIS Docker {number})",
        why=wrong.why,
        node=node,
        about=wrong.about or f"cis:{number}",
        severity=wrong.severity,
        hint=wrong.hint,
        cis=ids,
    )
