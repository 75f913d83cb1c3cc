"""The forms in a real browser, with registries behind them that really answer."""

import re

import pytest
from playwright.sync_api import Page, expect

from deployments.simulators.harbor import SimulatedHarbor
from deployments.simulators.server import run_server
from tests.browser.product import Form, Product, open_artifact
from tests.real.docker_registry import push

PASSWORD = "Typed-in-the-dialog-7"
TYPED = "typed-into-the-address-9"
FLOW = "integrate-registry"


@pytest.fixture
def harbor() -> SimulatedHarbor:
    simulated = SimulatedHarbor(admin_password=PASSWORD, lockout_seconds=0.05)
    simulated.add_project("payments", repositories=["api", "web"], storage_used=3 * 2**30)
    simulated.add_project("base-images", public=True, repositories=["jdk"], storage_used=2**30)
    return simulated


def test_a_harbor_is_integrated_with_credentials_added_in_the_form(
    browser_page: Page, product: Product, harbor: SimulatedHarbor
) -> None:
    before = len(product.runs(FLOW))
    with run_server(harbor.app) as address:
        form = Form(browser_page, product, FLOW)
        form.fill(Name="harbor-shop", Address=address)
        form.add_credentials("harbor-shop", "admin", PASSWORD)
        assert len(product.runs(FLOW)) == before, "adding a block must not start a run"
        form.submit_and_wait("Completed")

    overview = open_artifact(browser_page, product, "overview")
    expect(overview.get_by_role("cell", name=re.compile("^harbor-shop "))).to_be_visible()
    expect(overview.locator("svg", has_text="Storage by registry")).to_be_visible()
    assert not product.files_containing(PASSWORD)


def test_a_real_docker_registry_is_integrated_without_credentials(
    browser_page: Page, product: Product, real_docker_registry: str
) -> None:
    push(real_docker_registry, "team-a/app", "v1")
    form = Form(browser_page, product, FLOW)
    form.fill(Name="docker-ci")
    form.tab("Docker Registry")
    form.fill(Address=real_docker_registry)
    form.tab("None")
    form.submit_and_wait("Completed")
    overview = open_artifact(browser_page, product, "overview")
    expect(overview.get_by_role("cell", name=re.compile("^docker-ci "))).to_be_visible()


def test_the_update_form_keeps_what_is_left_alone(browser_page: Page, product: Product) -> None:
    form = Form(browser_page, product, "update-registry")
    for keep in browser_page.get_by_role("tab", name="Keep", exact=True).all():
        expect(keep).to_have_attribute("aria-selected", "true")
    expect(browser_page.get_by_label("Select Drift policy")).to_have_text("keep")
    expect(form.field("Address")).to_have_value("")
    form.tab("Do not verify (unsafe)")
    expect(browser_page.get_by_label("Select Mode")).to_have_text("insecure")
    for other in ("Other credentials", "Other pull-only credentials"):
        form.tab(other)
        chosen = browser_page.get_by_role("tab", name=other, exact=True)
        expect(chosen).to_have_attribute("aria-selected", "true")
    expect(browser_page.get_by_role("button", name="Add", exact=True)).to_have_count(2)
    form.tab("No pull-only user")
    expect(browser_page.get_by_role("tab", name="No pull-only user")).to_have_attribute(
        "aria-selected", "true"
    )
    expect(browser_page.get_by_role("button", name="Add", exact=True)).to_have_count(1)


def test_a_password_inside_the_address_is_refused_before_anything_is_stored(
    browser_page: Page, product: Product
) -> None:
    before = len(product.runs(FLOW))
    form = Form(browser_page, product, FLOW)
    form.fill(Name="careless", Address=f"http://admin:{TYPED}@127.0.0.1:1")
    form.tab("None")
    form.submit()
    expect(browser_page.get_by_text("does not match").first).to_be_visible()
    assert len(product.runs(FLOW)) == before
    assert not product.files_containing(TYPED)
