"""A project of Compose 2 on the lab, started with the very program that says here what the file declares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from fleetkeeper.topics.services.compose.compose_client import find_client
from lab.names import DATA
from tests.lab.conftest import ROOT, Lab, portable_inventory, rules_ending_so

COMPOSE = ROOT / ".compose" / "docker-compose"
RULE = "services.are_deployed_as_declared"
PLACE = "/srv/shop"
"""Where the project and the program lie on the node."""
SECRET, BY_HAND = "lab-only-shop-password", "lab-only-by-hand-password"
FILE = f"""\
services:
  web:
    image: fleetkeeper-lab/web:1
    command: [sleep, infinity]
    user: www-data
    init: true
    stop_grace_period: 1s
    restart: unless-stopped
    network_mode: none
    environment: {{MODE: shop, PASSWORD: {SECRET}}}
"""
OTHER = FILE.replace("user: www-data", "user: django").replace(SECRET, BY_HAND)

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not COMPOSE.exists(), reason="no Docker Compose 2 here: `make compose` gets it"),
]


@dataclass(frozen=True)
class Shop:
    """The project on its node, and an inventory that names its file here."""

    lab: Lab
    inventory: Path

    def up(self, text: str) -> None:
        """Have the project run as a text says, whatever it did before."""
        self.lab.run_script(DATA.name, f"cd {PLACE}\ncat > compose.yaml <<'END'\n{text}END\n{COMMAND} up --detach\n")

    def audit(self) -> dict[str, Any]:
        """The results of an audit of what is deployed; everything that is written lies below `lab.place`."""
        recording = self.lab.place / "look.json"
        return self.lab.audit("-k", "deployed_as_declared", f"--hosts={self.inventory}", "-v", f"--record={recording}")

    def differences(self, results: dict[str, Any]) -> dict[str, str]:
        """What the audit says about the project, by service and setting."""
        [shop] = [item for item in results["items"] if (item["rule"], item["subject"]) == (RULE, "shop")]
        return {finding["about"]: finding["saw"] for finding in shop["findings"]}


COMMAND = f"{PLACE}/docker-compose --project-name shop --file compose.yaml --ansi never"
END = (
    f"cd {PLACE} 2>/dev/null || exit 0\nif test -f compose.yaml; then {COMMAND} down --timeout 1; fi\nrm -rf {PLACE}\n"
)


@pytest.fixture
def shop(lab: Lab) -> Iterator[Shop]:
    """The project beside the stack of the lab; nothing of it is left on the node."""
    if find_client().path != str(COMPOSE):
        pytest.skip(f"{find_client().path} comes before the Compose of `make compose`, and hashes in its own way")
    (lab.place / "compose.yaml").write_text(FILE)
    entry = f"  shop: {{kind: compose, node: {DATA.name}, file: {lab.place}/compose.yaml, directory: {PLACE}}}\n"
    text = portable_inventory()
    assert "stacks:\n" in text
    inventory = lab.place / "with_shop.yml"
    inventory.write_text(text.replace("stacks:\n", f"stacks:\n{entry}"))
    try:
        lab.on(DATA.name, "mkdir", "-p", PLACE)
        lab.engine.ask("cp", str(COMPOSE), f"{DATA.container}:{PLACE}/docker-compose")
        yield Shop(lab, inventory)
    finally:
        lab.run_script(DATA.name, END)


def test_a_container_that_was_made_again_by_hand_is_named_until_it_is_put_back(shop: Shop) -> None:
    shop.up(FILE)
    results = shop.audit()
    assert rules_ending_so(results, "finding", "unknown") == set(), results["said"]
    assert shop.differences(results) == {}
    shop.up(OTHER)
    changed = shop.audit()
    assert shop.differences(changed) == {
        "web user": "web has user django",
        "web variables": "web: PASSWORD has another value",
    }, changed["said"]
    shop.up(FILE)
    results = shop.audit()
    assert rules_ending_so(results, "finding", "unknown") == set(), results["said"]
    written = [results["said"], changed["said"], *texts_below(shop.lab.place)]
    assert not [text for text in map(unescape, written) if SECRET in text or BY_HAND in text]


def texts_below(folder: Path) -> Iterator[str]:
    """The text of every file below a folder, but for the project's own."""
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "compose.yaml":
            yield path.read_bytes().decode("utf-8", "replace")
