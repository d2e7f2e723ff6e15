"""GitHub's annotations: one line for each finding, when the audit is a step of a workflow.

Text from a server may look like commands of the runner (`::error::`, `##[command]`): while ours is printed, the runner
must not execute any (`::stop-commands::`), and in the annotations themselves everything is escaped as the runner undoes
it. Source: https://docs.github.com/en/actions/using-workflows/workflow-commands-for-github-actions; actions/toolkit,
core/src/command.ts.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from fleetkeeper.untrusted import annotation_text

if TYPE_CHECKING:
    from fleetkeeper.reports.results_schema import Found, Judged

VARIABLE = "GITHUB_ACTIONS"
MOST = 10
"""GitHub shows ten of each kind for a step; more only hide the ones that come first."""


def in_workflow(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process runs in a step of a GitHub workflow, by $GITHUB_ACTIONS."""
    return environment.get(VARIABLE, "").lower() == "true"


def silence() -> tuple[str, str]:
    """The line after which the runner ignores commands, and the line that ends that."""
    token = secrets.token_hex(16)
    return f"::stop-commands::{token}", f"::{token}::"


def annotation_lines(items: Iterable[Judged]) -> list[str]:
    """The annotations of an audit, errors first, at most ten of each kind.

    The last of ten says how many more there are.
    """
    errors: list[str] = []
    warnings: list[str] = []
    for kind, text in open_annotations(items):
        (errors if kind == "error" else warnings).append(text)
    return [*most(errors, "error"), *most(warnings, "warning")]


def most(texts: list[str], kind: str) -> list[str]:
    """The first ten of these annotations, all of one `kind` ("error", "warning").

    Of more than ten the first nine, and a tenth that says how many more there are.
    """
    if len(texts) <= MOST:
        return texts
    more = len(texts) - MOST + 1
    return [
        *texts[: MOST - 1],
        runner_command(kind, "fleetkeeper", f"{more} more of this kind: see the log of this step"),
    ]


def open_annotations(items: Iterable[Judged]) -> Iterator[tuple[str, str]]:
    """Kind ("error" or "warning") and text of the annotation for each open finding and each reason for an unknown.

    A warning of an item that failed is an error, and so is each unknown. Waived findings are left out. An unknown comes
    once for each node and reason, after the findings.
    """
    dark: dict[tuple[str, str], None] = {}
    for item in items:
        title = f"{item['rule']} [{item['subject']}]"
        for finding in item["findings"]:
            if not finding["waived"]:
                kind = "error" if finding["severity"] == "error" or item["outcome"] == "finding" else "warning"
                yield kind, runner_command(kind, title, describe_finding(finding))
        dark.update(dict.fromkeys((why["node"], why["cause"] or why["why"]) for why in item["unknown"]))
    for node, why in dark:
        yield "error", runner_command("error", "could not be looked at", f"{node}: {why}" if node else why)


def describe_finding(finding: Found) -> str:
    """What was seen (and where), what is wanted, and who owns it, on one line."""
    owner = f"; owner: {finding['owner']}" if finding.get("owner") else ""
    where = f"on {finding['node']}: " if finding["node"] and finding["node"] not in finding["saw"] else ""
    return f"{where}{finding['saw']}; wanted: {finding['want']}{owner}"


def runner_command(kind: str, title: str, message: str) -> str:
    """One workflow command of the runner. `kind` is "error" or "warning"; title and message are escaped.

    >>> runner_command("error", "a,b: c", "50% ::error::\\n")
    '::error title=a%2Cb%3A c::50%25 ::error::\\\\n'
    """
    return f"::{kind} title={annotation_text(title, ':,')}::{annotation_text(message)}"
