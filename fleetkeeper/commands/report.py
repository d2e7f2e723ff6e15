"""`fleetkeeper report`: the page about what the last audit left, without looking again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fleetkeeper.commands.command_options import HOSTS, STATE, named_or_last

if TYPE_CHECKING:
    from fleetkeeper.audit import Audit
    from fleetkeeper.reports.results_schema import Results


@click.command()
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR",
              help="Folder for the page (default: beside results.json in the state directory).")  # fmt: skip
@click.option("--open", "open_it", is_flag=True, help="Open the page in a browser.")
@HOSTS
@STATE
def report(out: Path | None, open_it: bool, hosts: str | None, state: Path | None) -> None:
    """Write the page about the last audit of an inventory, and say where it is.

    Nothing is looked at or judged: the page tells what that audit saw, and when. `pytest --hosts=NAME --page=FILE`
    writes it at once, of a saved look too.
    """
    from fleetkeeper.audit import open_audit
    from fleetkeeper.reports.page.page_file import write_page
    from fleetkeeper.topics.registry import rules_of, rules_with_remedy

    audit = open_audit(named_or_last(hosts, state), state=state)
    saved = saved_results(audit, state)
    inventories = audit.inventories.values()
    rules = {name: rule for inventory in inventories for name, rule in rules_of(inventory).items()}
    page = (out or saved.parent) / ("page.html" if out is None else f"{'+'.join(audit.inventories)}.html")
    write_page(page, read_results(saved), rules, rules_with_remedy(inventories))
    click.echo(page)
    if open_it:
        click.launch(str(page))


def saved_results(audit: Audit, state: Path | None) -> Path:
    """The path of the results.json that the last audit of these inventories left. Raises UsageError when none did."""
    from fleetkeeper.errors import UsageError
    from fleetkeeper.state import directory

    names = "+".join(audit.inventories)
    path = directory(state) / "audits" / names / "results.json"
    if not path.exists():
        raise UsageError(f"no audit of {names} is remembered", hint=f"pytest --hosts={names}")
    return path


def read_results(path: Path) -> Results:
    """The content of a results.json. Raises UsageError for one that is not of our schema, or of a newer one."""
    import json

    from pydantic import ValidationError

    from fleetkeeper.errors import UsageError
    from fleetkeeper.reports.results import VERSION
    from fleetkeeper.reports.results_schema import ADAPTER
    from fleetkeeper.versions import UPGRADE, is_newer

    try:
        content = json.loads(path.read_bytes())
        if newer := is_newer(str(path), content["schema"], VERSION):
            raise UsageError(newer, UPGRADE)
        content["run"] = {"hosts": "", "part": "", **content["run"]}
        return ADAPTER.validate_python(content)
    except (ValueError, LookupError, TypeError, ValidationError) as why:
        raise UsageError(f"{path} is no results.json of ours", hint="audit again: it is written anew") from why
