"""The page of an audit in a real browser: Debian's Chromium without a window. `make browser` brings what it needs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleetkeeper.reports.page.page_file import write_page
from fleetkeeper.topics.registry import RULES
from tests.pure.reports.test_counts_agree import varied_audit
from tests.pure.reports.test_page import HOSTILE, results
from tests.pure.reports.test_sarif import finding_item, item

AXE = Path(__file__).parents[3] / ".browser" / "axe.min.js"
WHY = "needs Debian's chromium, Playwright and axe-core: make browser"
playwright = pytest.importorskip("playwright.sync_api", reason=WHY)
pytestmark = pytest.mark.skipif(not (AXE.exists() and shutil.which("chromium")), reason=WHY)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        yield browser
        browser.close()


class Opened:
    """The page in a tab: what the console said, and what was asked for besides the file itself."""

    def __init__(self, browser: Any, file: Path, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.tab = self.context.new_page()
        self.messages: list[str] = []
        self.requests: list[str] = []
        self.tab.on("console", lambda message: self.messages.append(message.text))
        self.tab.on("pageerror", lambda error: self.messages.append(str(error)))
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.goto(file.as_uri())
        self.file = file

    def is_quiet(self) -> bool:
        return (self.messages, self.requests) == ([], [self.file.as_uri()])

    def visible_rows(self) -> int:
        return int(self.tab.locator("article.row:visible").count())


@pytest.fixture
def page_file(tmp_path: Path) -> Path:
    write_page(tmp_path / "page.html", varied_audit(), RULES, ())
    return tmp_path / "page.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_the_page_is_quiet_and_accessible(browser: Any, page_file: Path, scheme: str, width: int) -> None:
    opened = Opened(browser, page_file, color_scheme=scheme, viewport={"width": width, "height": 800}, bypass_csp=False)
    assert opened.is_quiet()
    assert opened.tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    opened.tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    opened.tab.evaluate(AXE.read_text())
    violations = opened.tab.evaluate("axe.run().then(ran => ran.violations.map(each => [each.id, each.nodes[0].html]))")
    assert violations == []


def test_search_and_filters_work_by_keyboard(browser: Any, page_file: Path) -> None:
    opened = Opened(browser, page_file)
    rows = opened.visible_rows()
    opened.tab.keyboard.press("/")
    opened.tab.keyboard.type("did not answer")
    assert (opened.visible_rows(), opened.tab.locator("#hits").inner_text()) == (1, f"1 of {rows}")
    opened.tab.keyboard.press("Escape")
    assert opened.visible_rows() == rows
    opened.tab.locator("#f-all").focus()
    opened.tab.keyboard.press("ArrowRight")
    assert [text.split()[1:] for text in opened.tab.locator(".kind:visible h2").all_inner_texts()] == [["Broken", "2"]]
    assert opened.tab.url.endswith("#show=finding")
    assert Opened(browser, page_file).visible_rows() == rows
    assert opened.is_quiet()


def test_without_javascript_every_verdict_is_there_and_the_filter_works(browser: Any, page_file: Path) -> None:
    opened = Opened(browser, page_file, java_script_enabled=False)
    assert opened.visible_rows() == 5
    opened.tab.locator("label[for=f-unknown]").click()
    assert opened.visible_rows() == 1
    assert not opened.tab.locator("#search").is_visible()


def test_hostile_names_run_nothing(browser: Any, tmp_path: Path) -> None:
    judged = item(finding_item(saw=HOSTILE, subject=HOSTILE, node=HOSTILE, hint=HOSTILE), subject=HOSTILE)
    write_page(tmp_path / "page.html", results(judged), RULES, ())
    opened = Opened(browser, tmp_path / "page.html", viewport={"width": 360, "height": 800})
    assert opened.is_quiet()
    assert opened.tab.locator("img").count() == 0
    assert opened.tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_on_paper_what_is_folded_is_open_and_controls_are_gone(browser: Any, page_file: Path) -> None:
    opened = Opened(browser, page_file)
    opened.tab.emulate_media(media="print", color_scheme="dark")
    assert not opened.tab.locator("#controls").is_visible()
    folded = "getComputedStyle(document.querySelector('details'), '::details-content').contentVisibility"
    assert opened.tab.evaluate(folded) == "visible"
    assert opened.tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
