"""The class of what a rule finds wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: the observed state (`saw`), the required one (`want`), and why it matters.

    `node` is where it was seen. `about` names a thing narrower than the rule's subject (a container that is not
    declared, one file). `rule` (its id) and `subject` (its name) are filled in by the verdict.
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
