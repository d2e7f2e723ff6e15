"""Write the generated pages of this folder again: `make docs`."""

from __future__ import annotations

from pathlib import Path

from docs.pages import PAGES

if __name__ == "__main__":
    for name, written in PAGES.items():
        Path(__file__).with_name(name).write_text(written(), encoding="utf-8")
