"""Managed Harbors in a real browser: when discovery runs, what starts it, what it found."""

from playwright.sync_api import Page, expect

from deployments.simulators.harbor import SimulatedHarbor
from deployments.simulators.kubernetes import running_cluster
from deployments.simulators.server import run_server
from models.discovery.trust import MANAGED_LABEL
from tests.browser.product import Product, open_artifact

PASSWORD = "Administrator-in-a-Secret-5"


def test_the_pages_tell_schedule_trigger_and_what_was_found(
    browser_page: Page, product: Product
) -> None:
    harbor = SimulatedHarbor(admin_password=PASSWORD)
    with run_server(harbor.app) as address, running_cluster() as cluster:
        cluster.add_harbor_cluster("hub", "main", address, PASSWORD)
        cluster.add_harbor_cluster("hub", "late", f"{address}1", PASSWORD, status="creating")
        cluster.add_harbor_cluster("elsewhere", "other", f"{address}2", PASSWORD)
        cluster.set_labels("hub", {MANAGED_LABEL: "true"})
        kubeconfig = product.save_block(
            "cluster-credentials", "found", kubeconfig=cluster.kubeconfig
        )
        product.wait_for(product.start("register-cluster", name="found", credentials=kubeconfig))
        product.wait_for(product.start("discover-managed-harbors"))

        artifact = open_artifact(browser_page, product, "discovery")
        row = artifact.get_by_role("row", name="hub/main")
        expect(row.first).to_contain_text("✅ adopted")
        expect(row.first).to_contain_text("found-hub-main")
        waiting_row = artifact.get_by_role("row", name="hub/late")
        expect(waiting_row.first).to_contain_text("⏳ waiting")
        other_row = artifact.get_by_role("row", name="elsewhere/other")
        expect(other_row.first).to_contain_text("not-trusted")

        browser_page.goto(deployment_page(product, "discover-managed-harbors"))
        expect(browser_page.get_by_text("Every 1 minute")).to_be_visible()
        browser_page.goto(deployment_page(product, "integrate-managed-harbor"))
        expect(browser_page.get_by_text("Triggers")).to_be_visible()
        trigger = "integrate a managed Harbor when harbor.created"
        expect(browser_page.get_by_text(trigger)).to_be_visible()
    assert not product.files_containing(PASSWORD)


def deployment_page(product: Product, flow: str) -> str:
    return f"{product.url}/v2/deployments/deployment/{product.deployment(flow)}"
