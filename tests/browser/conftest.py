"""The product, served as a person would serve it, and a real browser in front of it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.product import Product, log_in
from tests.real.skip import program
from tests.support.product_server import serve_product

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


@pytest.fixture(scope="package")
def chromium() -> str:
    """The path of the system's Chromium; `playwright install` is not needed."""
    return program("chromium", "apt-get install chromium")


@pytest.fixture(scope="package")
def product(chromium: str) -> Iterator[Product]:
    """The whole product on a free port, with a data directory of its own."""
    del chromium  # no browser, no need to start anything
    # No schedule starts a run: each costs seconds of processor time, and no test waits for one.
    with serve_product(PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED="false") as server:
        yield Product(server.url, server.data_dir, server.console_url)


@pytest.fixture(scope="module")
def browser_page(chromium: str, product: Product) -> Iterator[Page]:
    """A page that reaches the loopback only, of somebody who gave the UI its password.

    For a module, not the session: while it lives no test of another module could run a loop.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(20_000)
        expect.set_options(timeout=20_000)
        log_in(page, product.url, product.password)
        yield page
        browser.close()
