"""Managed Harbors in a real browser: when discovery runs, what starts it, what it found."""

from playwright.sync_api import Page, expect

from deployments.simulators.harbor import Harbor
from deployments.simulators.kubernetes import running_cluster
from deployments.simulators.server import running
from models.discovery.trust import MANAGED_LABEL
from tests.browser.product import Product, open_artifact

PASSWORD = "Administrator-in-a-Secret-5"


def test_the_pages_tell_schedule_trigger_and_what_was_found(
    browser_page: Page, product: Product
) -> None:
    harbor = Harbor(admin_password=PASSWORD)
    with running(harbor.app) as address, running_cluster() as cluster:
        cluster.add_harbor_cluster("hub", "main", address, PASSWORD)
        cluster.add_harbor_cluster("hub", "late", f"{address}1", PASSWORD, status="creating")
        cluster.add_harbor_cluster("elsewhere", "other", f"{address}2", PASSWORD)
        cluster.label("hub", {MANAGED_LABEL: "true"})
        kubeconfig = product.saved("cluster-credentials", "found", kubeconfig=cluster.kubeconfig)
        product.wait_for(product.start("register-cluster", name="found", credentials=kubeconfig))
        product.wait_for(product.start("discover-managed-harbors"))

        shown = open_artifact(browser_page, product, "discovery")
        row = shown.get_by_role("row", name="hub/main")
        expect(row.first).to_contain_text("✅ adopted")
        expect(row.first).to_contain_text("found-hub-main")
        waiting = shown.get_by_role("row", name="hub/late")
        expect(waiting.first).to_contain_text("⏳ waiting")
        other = shown.get_by_role("row", name="elsewhere/other")
        expect(other.first).to_contain_text("not-trusted")

        browser_page.goto(deployment_page(product, "discover-managed-harbors"))
        expect(browser_page.get_by_text("Every 1 minute")).to_be_visible()
        browser_page.goto(deployment_page(product, "integrate-managed-harbor"))
        expect(browser_page.get_by_text("Triggers")).to_be_visible()
        trigger = "integrate a managed Harbor when harbor.created"
        expect(browser_page.get_by_text(trigger)).to_be_visible()
    assert not product.stored(PASSWORD)


def deployment_page(product: Product, flow: str) -> str:
    return f"{product.url}/v2/deployments/deployment/{product.deployment(flow)}"
