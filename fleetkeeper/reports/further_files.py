"""The files besides results.json that a person asked for: each is made from its content, and may fail by itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from fleetkeeper.inventory.load import Inventory
from fleetkeeper.topics.registry import rules_of, rules_with_remedy

if TYPE_CHECKING:
    from fleetkeeper.reports.results_schema import Results


def write_further_files(option: Any, document: Results, inventories: Collection[Inventory]) -> Iterator[str]:
    """Write the files that pytest's options name, from the content of results.json.

    Gives a note for each: where it is, or why it was not written.
    """
    if option.page:
        from fleetkeeper.reports.page.page_file import write_page

        rules = {name: rule for inventory in inventories for name, rule in rules_of(inventory).items()}
        try:
            write_page(option.page, document, rules, rules_with_remedy(inventories))
        except OSError as why:
            yield f"no page is written: {why}"
        else:
            yield f"page: {option.page}"
