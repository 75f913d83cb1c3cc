"""Access in a real browser: a cluster, a binding, an answer, each by its form."""

import re

from playwright.sync_api import Page, expect

from deployments.simulators.harbor import SimulatedHarbor
from deployments.simulators.kubernetes import running_cluster
from deployments.simulators.server import run_server
from models.core.labels import WORKSPACE_LABEL
from tests.browser.product import Form, Product, open_artifact

PASSWORD = "Administrator-of-access-3"


def test_a_cluster_is_registered_a_space_is_bound_and_access_is_explained(
    browser_page: Page, product: Product
) -> None:
    harbor = SimulatedHarbor(admin_password=PASSWORD)
    harbor.add_project("payments", repositories=["api"])
    with run_server(harbor.app) as address, running_cluster() as cluster:
        cluster.add_namespace("till", {WORKSPACE_LABEL: "team-till"})
        admin = product.save_block(
            "registry-credentials", "harbor-access", username="admin", password=PASSWORD
        )
        parameters = {"name": "harbor-access", "registry": {"type": "harbor", "address": address}}
        integrate_run = product.start("integrate-registry", **parameters, credentials=admin)

        form = Form(browser_page, product, "register-cluster")
        form.fill(Name="emulated")
        form.add_block("emulated", Kubeconfig=cluster.kubeconfig)
        form.submit_and_wait("Completed")

        product.wait_for(integrate_run)
        form = Form(browser_page, product, "bind-space")
        form.fill(Registry="harbor-access")
        form.add_items("Spaces", "pay*")
        form.add_items("Workspaces", "team-till")
        form.submit_and_wait("Completed")
        assert cluster.secret("till"), "the namespace has its pull secret when the run has ended"

        form = Form(browser_page, product, "explain-access")
        form.fill(Cluster="emulated", Namespace="till", Image="harbor-access/payments/api:1.0")
        form.submit_and_wait("Completed")
        answer = open_artifact(browser_page, product, "access-emulated-till")
        expect(answer.get_by_role("heading", name=re.compile("^✅ Yes: "))).to_be_visible()
        expect(answer.get_by_role("row", name=re.compile("^✅ "))).to_have_count(9)
    assert not product.files_containing(cluster.token)
    assert not product.files_containing(PASSWORD)
