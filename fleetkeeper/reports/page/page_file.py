"""The HTML file of the page: one file with its style and script inside, under a policy that lets it load nothing.

What may run and style is named by the hash of its very bytes, so nothing that a server wrote into a text can.
Source: https://www.w3.org/TR/CSP3/ (hashes, and what a policy in a document can do).
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fleetkeeper.local_files import write_file
from fleetkeeper.reports.page.page_content import MOST_NAMES, ORDER, WORDS, page_content
from fleetkeeper.untrusted import one_line

if TYPE_CHECKING:
    from fleetkeeper.judging.rule import Rule
    from fleetkeeper.reports.results_schema import Results

FOLDER = Path(__file__).with_name("template")
MARKS = {
    "finding": "\N{MULTIPLICATION SIGN}",
    "unknown": "?",
    "warning": "!",
    "waived": "\N{DOUBLE VERTICAL LINE}",
    "holds": "\N{CHECK MARK}",
    "not_applicable": "\N{EN DASH}",
}
TARGETS = {
    "finding": "broken",
    "unknown": "unknown",
    "waived": "accepted",
    "holds": "topics",
    "not_applicable": "topics",
}
LEGEND = {
    "finding": "broken: looked, and it is wrong",
    "unknown": "unknown: could not look",
    "waived": "accepted: wrong, but waived until a date",
    "holds": "holds: looked, and it is right",
    "not_applicable": "not asked: the inventory does not ask for it here",
}
SECTIONS = (
    ("finding", "Broken", "broken", "No finding breaks a promise."),
    ("unknown", "Could not be judged", "unknown", "Everything that was asked for could be seen."),
    ("warning", "Warnings", "warnings", "No warnings."),
    ("waived", "Accepted", "accepted", "No finding is accepted by a waiver."),
)
"""The sections of what is not quiet: kind, title, name in the page, and what it says when it is empty."""


def write_page(path: Path, results: Results, rules: Mapping[str, Rule], repaired: Collection[str]) -> None:
    """Write the page in one step, readable by its owner only. Raises OSError. Folders above it are made."""
    text = page_text(results, rules, repaired)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, text.encode("utf-8", "backslashreplace"), 0o600)


def page_text(results: Results, rules: Mapping[str, Rule], repaired: Collection[str]) -> str:
    """The page as HTML: the same text for the same results. `repaired` are the ids of rules that have a remedy."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, finalize=shown_text, undefined=StrictUndefined
    )
    environment.filters |= {"day": day_text, "moment": moment_text, "quoted": shlex.quote}
    style, script = (FOLDER.joinpath(f"page.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    return environment.get_template("page.html").render(
        page=page_content(results, rules, repaired),
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        style_hash=source_hash(style),
        script_hash=source_hash(script),
        marks=MARKS,
        words=WORDS,
        order=ORDER,
        targets=TARGETS,
        legend=LEGEND,
        sections=SECTIONS,
        most_names=MOST_NAMES,
        pictures="",
    )


def shown_text(given: object) -> object:
    """What a template writes out: invisible characters of a text as their escapes. Markup of ours stays as it is."""
    return one_line(given) if type(given) is str else given


def source_hash(text: str) -> str:
    """The hash of a style or script, as a Content-Security-Policy names it.

    >>> source_hash("")
    'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
    """
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def day_text(moment: str) -> str:
    """The day of a time in ISO 8601, in UTC.

    >>> day_text("2026-11-30T23:30:00-02:00")
    '1 Dec 2026'
    """
    return f"{datetime.fromisoformat(moment).astimezone(UTC):%-d %b %Y}"


def moment_text(moment: str) -> str:
    """A time in ISO 8601 to the minute, in UTC.

    >>> moment_text("2026-11-30T05:30:12+00:00")
    'Mon 30 Nov 2026, 05:30 UTC'
    """
    return f"{datetime.fromisoformat(moment).astimezone(UTC):%a %-d %b %Y, %H:%M} UTC"
