"""The files besides results.json that a person asked for: each is made from its content, and may fail by itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleetkeeper.inventory.load import Inventory
from fleetkeeper.topics.registry import rules_of, rules_with_remedy

if TYPE_CHECKING:
    from fleetkeeper.reports.results_schema import Results


def write_further_files(
    option: Any, document: Results, inventories: Collection[Inventory], *, whole: bool
) -> Iterator[str]:
    """Write the files that pytest's options name, from the content of results.json.

    `whole`: every promise was judged, by a look of this run; metrics are written then only. Gives a note for each file:
    where it is, or why it was not written.
    """
    if not (option.page or option.metrics or option.summary):
        return
    rules = {name: rule for inventory in inventories for name, rule in rules_of(inventory).items()}
    repaired = rules_with_remedy(inventories)
    if option.page:
        from fleetkeeper.reports.page.page_file import write_page

        yield note_of("page", option.page, lambda: write_page(option.page, document, rules, repaired))
    if option.metrics and not whole:
        yield "no metrics are written: they are those of the last whole audit, and this was none"
    elif option.metrics:
        from fleetkeeper.reports.metrics_file import write_metrics

        yield note_of("metrics", option.metrics, lambda: write_metrics(option.metrics, document))
    if option.summary:
        from fleetkeeper.reports.markdown_summary import append_summary

        yield note_of("summary", option.summary, lambda: append_summary(option.summary, document, rules, repaired))


def note_of(name: str, path: Path, write: Callable[[], None]) -> str:
    """Write one file. Returns where it is, or why it was not written."""
    try:
        write()
    except OSError as why:
        return f"{name}: not written, {why}"
    return f"{name}: {path}"
