"""The whole story in the console only: integrate, create, bind, explain, unbind, remove."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from deployments.simulators.harbor import SimulatedHarbor
from deployments.simulators.kubernetes import running_cluster
from deployments.simulators.server import run_server
from models.core.labels import WORKSPACE_LABEL
from tests.browser.axe import load_axe, violations
from tests.browser.conftest import QUIET
from tests.browser.product import RUN_MS, Product

PASSWORD = "Administrator-of-the-console-5"
WRONG = "Not-the-administrator-5"


_WIDE_ELEMENTS = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const isWide = (element) => element.getBoundingClientRect().right > width + 1;
  const elements = [...document.querySelectorAll("body *")].filter(isWide);
  return elements.filter((element) => !element.closest(".scroll")).map((e) => e.outerHTML);
}"""
"""What makes the page itself wider than the window."""


@pytest.fixture(scope="module")
def console(chromium: str, product: Product) -> Iterator[Page]:
    """A page of the console, of somebody who has logged in."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(60_000)
        log_in_to_console(page, product)
        yield page
        browser.close()


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core; empty where npm cannot fetch it."""
    return load_axe(tmp_path_factory.mktemp("axe"))


def check_accessible(page: Page, axe: str) -> None:
    """Check the page that is shown: wide and narrow, light and dark."""
    for width in (375, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        for _ in range(200):  # wait_for_function would need `eval`, which the pages forbid
            if page.evaluate("innerWidth") == width:
                break
            page.wait_for_timeout(50)
        assert page.evaluate(_WIDE_ELEMENTS) == [], "tables scroll inside of their own box"
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            assert not axe or violations(page, axe) == [], page.url


def log_in_to_console(page: Page, product: Product) -> None:
    user, _, password = product.password.partition(":")
    page.goto(product.console_url)
    page.get_by_label("User name").fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Registries", level=1)).to_be_visible()


def integrate(page: Page, product: Product, name: str, address: str, password: str) -> None:
    """Fill in the form of a new registry and send it."""
    if "/registries/-/new" not in page.url:
        page.goto(product.console_url)
        page.get_by_role("link", name="Integrate a registry").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label(re.compile("^Address")).fill(address)
    page.get_by_label(re.compile("^User name")).fill("admin")
    page.get_by_label(re.compile("^Password")).fill(password)
    page.get_by_role("button", name="Integrate").click()


def expect_run(page: Page, state: str = "Completed") -> None:
    """Wait until the run whose page is shown has ended."""
    badge = page.locator("#run .badge").first
    final_state = re.compile("^(Completed|Failed|Crashed|Cancelled)$")
    expect(badge).to_have_text(final_state, timeout=RUN_MS)
    assert badge.inner_text() == state, page.locator("#run").inner_text()


def start_previewed(page: Page, button: str) -> None:
    """Start what a preview shows, and wait for the page of that run: it has another address."""
    preview = page.url
    page.get_by_role("button", name=button).click()
    page.wait_for_url(lambda url: url != preview)


def test_the_story_of_a_registry(console: Page, product: Product, axe: str) -> None:
    harbor = SimulatedHarbor(admin_password=PASSWORD, lockout_seconds=0.05)
    harbor.add_project("payments", repositories=["api"])
    with run_server(harbor.app) as address, running_cluster() as cluster:
        harbor.external_url = address
        cluster.add_namespace("till", {WORKSPACE_LABEL: "team-story"})
        kubeconfig = product.save_block(
            "cluster-credentials", "console", kubeconfig=cluster.kubeconfig
        )
        register = product.start("register-cluster", name="console", credentials=kubeconfig)

        integrate(console, product, "shop", address, WRONG)
        expect(console.get_by_text("The registry was not integrated")).to_be_visible(timeout=RUN_MS)
        expect(console.get_by_text("What to do:")).to_be_visible()
        check_accessible(console, axe)
        expect(console.get_by_label("Name", exact=True)).to_have_value("shop")
        expect(console.get_by_label(re.compile("^User name"))).to_have_value("admin")
        expect(console.get_by_label(re.compile("^Password"))).to_have_value("")
        integrate(console, product, "shop", address, PASSWORD)
        console.wait_for_url("**/registries/shop", timeout=RUN_MS)

        console.get_by_text("Create spaces").click()
        console.get_by_label("Names").fill("till-images")
        console.get_by_role("button", name="Create", exact=True).click()
        expect_run(console)
        assert not harbor.projects["till-images"].public
        product.wait_for(register)

        console.goto(product.console_url)
        clicks = [
            console.get_by_role("link", name="shop", exact=True).first,
            console.get_by_label("Select till-images"),
            console.get_by_label("Workspaces").get_by_role("option", name="team-story"),
            console.get_by_role("button", name="Bind", exact=True),
        ]
        for target in clicks:  # four, and no name is typed
            target.click()
        expect_run(console)
        assert cluster.secret("till"), "the namespace has its pull secret when the run has ended"

        console.get_by_role("link", name="Explain", exact=True).click()
        console.get_by_label("Namespace", exact=True).select_option("console/till")
        console.get_by_label("Image", exact=True).fill("shop/till-images")
        console.get_by_role("button", name="Explain").click()
        expect(console.get_by_role("heading", name=re.compile("Yes: "))).to_be_visible(
            timeout=RUN_MS
        )

        check_accessible(console, axe)

        console.goto(f"{product.console_url}/registries/shop")
        check_accessible(console, axe)
        console.get_by_label("Select till-images").check()
        console.get_by_label("Workspaces").select_option("team-story")
        console.get_by_role("button", name=re.compile("^Unbind")).click()
        expect_run(console)
        expect(console.get_by_text("This is a preview: nothing was changed.")).to_be_visible()
        check_accessible(console, axe)
        assert cluster.secret("till"), "a preview changes nothing"
        start_previewed(console, "Unbind now")
        expect_run(console)
        assert not cluster.secret("till")

        console.goto(f"{product.console_url}/registries/shop")
        remove_heading = console.get_by_role("heading", name="Remove", exact=True)
        console.locator("form", has=remove_heading).get_by_role("button").click()
        expect_run(console)
        start_previewed(console, "Remove now")
        expect_run(console)
        console.goto(product.console_url)
        expect(console.get_by_role("link", name="shop", exact=True)).to_have_count(0)
    for secret in (PASSWORD, WRONG):
        assert not product.files_containing(secret)


PATHS = [
    *("/", "/registries/-/new", "/nowhere", "/workspaces", "/workspaces/-/new"),
    *("/audit", "/clusters", "/clusters/-/new", "/explain"),
]


@pytest.mark.parametrize("path", PATHS)
def test_pages_are_accessible(console: Page, product: Product, axe: str, path: str) -> None:
    if not axe:
        pytest.skip("axe-core is missing; install npm and let it reach its registry")
    console.goto(f"{product.console_url}{path}")
    check_accessible(console, axe)
