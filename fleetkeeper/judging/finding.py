"""What a rule finds wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """What was seen, what was wanted, and why it matters.

    `node` is where it was seen. `about` names the thing when it is narrower than the rule's subject
    (a container nobody declared, one file). `rule` and `subject` are filled in by the verdict.
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
