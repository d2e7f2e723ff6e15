"""The class of what a rule finds wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fleetkeeper.transport.commands import Unobservable

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: the observed state (`saw`), the required one (`want`), and why it matters.

    `node` is where it was seen. `about` names a thing narrower than the rule's subject (a container that is not
    declared, one file). `rule` (its id) and `subject` (its name) are filled in by the verdict. `cis` are the ids of the
    CIS Docker Benchmark that it breaks, in both editions (`1.6:2.14`, `1.8:2.15`).
    """

    saw: str
    want: str
    why: str = ""
    node: str = ""
    about: str = ""
    severity: Severity = "error"
    hint: str = ""
    rule: str = ""
    subject: str = ""
    cis: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """A part of a promise that was not judged: the ids of the CIS Docker Benchmark that it is about, and why.

    `why` is a text where the part does not apply, an Unobservable where it could not be seen: then it is unknown.
    """

    cis: tuple[str, ...]
    why: str | Unobservable
    node: str = ""
