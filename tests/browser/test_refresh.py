"""The script that refreshes parts of a page, on a page of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect, sync_playwright

from tests.browser.conftest import QUIET

_SCRIPT = Path("deployments/console/static/refresh.js")
_URL = "http://127.0.0.1:9/page"


class Served:
    """What the server answers: a page with a counter, or an error."""

    def __init__(self) -> None:
        self.count = 0
        self.status = 200

    def answer(self, route: Route) -> None:
        """Answer a request of the browser."""
        if route.request.url.endswith(".js"):
            route.fulfill(body=_SCRIPT.read_text(), content_type="text/javascript")
            return
        self.count += 1
        route.fulfill(
            status=self.status,
            content_type="text/html",
            body=f"""<script src="/refresh.js" defer></script><main id="main">
            <div id="part" data-refresh="0.1"><div class="scroll" tabindex="0">table</div>
            <a href="#x">link</a> <output>{self.count}</output></div></main>""",
        )


@pytest.fixture
def page(chromium: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        page = browser.new_page()
        page.set_default_timeout(20_000)
        yield page
        browser.close()


def test_a_part_is_refreshed_unless_a_control_is_in_use(page: Page) -> None:
    served = Served()
    page.route("**", served.answer)
    page.goto(_URL)
    page.get_by_text("table").focus()
    shown = page.locator("output").inner_text()
    expect(page.locator("output")).not_to_have_text(shown)
    page.get_by_text("link").focus()
    page.wait_for_timeout(300)  # a refresh that was under way has ended
    before = page.locator("output").inner_text()
    page.wait_for_timeout(500)
    assert page.locator("output").inner_text() == before


def test_a_page_that_cannot_be_refreshed_says_so(page: Page) -> None:
    served = Served()
    page.route("**", served.answer)
    page.goto(_URL)
    served.status = 503
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("This page could not be refreshed since")
    assert served.count > 1
    served.status = 200
    expect(notice).to_have_count(0)
