"""The product as a person in front of a browser sees it."""

import re
import time
from contextlib import suppress
from typing import Any

import httpx
from playwright.sync_api import Locator, Page, expect

from flows.forms.schema import NOTHING_CHOSEN
from tests.support.product_server import ProductServer

RUN_MS = 180_000
_VERSION = re.compile(r"^[0-9a-f]{8}$")


class Product(ProductServer):
    """The running product."""

    def deployment(self, flow: str) -> str:
        """The id of a flow's deployment."""
        deployment_id: str = (
            self._get(f"/deployments/name/{flow}/default").raise_for_status().json()["id"]
        )
        return deployment_id

    def runs(self, flow: str) -> list[dict[str, Any]]:
        """The runs that were created of a flow."""
        query = {"flows": {"name": {"any_": [flow]}}}
        runs: list[dict[str, Any]] = self._post("/flow_runs/filter", **query)
        return runs

    def start(self, flow: str, **parameters: object) -> str:
        """Run a flow by the API, where its form is not what matters; returns the run's id."""
        path = f"/deployments/{self.deployment(flow)}/create_flow_run"
        run_id: str = self._post(path, parameters=parameters)["id"]
        return run_id

    def wait_for(self, run: str) -> None:
        """Wait until a run is completed."""
        deadline = time.monotonic() + RUN_MS / 1000
        state: dict[str, Any] = {"type": "PENDING"}
        while state["type"] in ("SCHEDULED", "PENDING", "RUNNING") and time.monotonic() < deadline:
            time.sleep(0.3)
            response = self._get(f"/flow_runs/{run}")
            state = response.json()["state"] if response.is_success else state
        assert state["type"] == "COMPLETED", state

    def save_block(self, slug: str, name: str, **data: str) -> dict[str, object]:
        """Save a block; returns the reference by which a flow is given it."""
        kind = self._get(f"/block_types/slug/{slug}").json()["id"]
        query = {"block_type_id": {"any_": [kind]}}
        schema = self._post("/block_schemas/filter", block_schemas=query)[0]["id"]
        block = {"name": name, "data": data, "block_type_id": kind, "block_schema_id": schema}
        self._post("/block_documents/", **block)
        return {"$ref": {"block_document_slug": f"{slug}/{name}"}}

    def _get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}/api{path}", timeout=20, auth=self.auth)

    def _post(self, path: str, **body: object) -> Any:
        """Post, again while Prefect's SQLite is locked."""
        for _ in range(9):
            response = httpx.post(f"{self.url}/api{path}", json=body, timeout=20, auth=self.auth)
            if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            time.sleep(0.5)
        return response.raise_for_status().json()

    def files_containing(self, text: str) -> list[str]:
        """The files of the data directory in which a text stands in the clear."""
        files = [path for path in self.data_dir.rglob("*") if path.is_file()]
        return [path.name for path in files if text.encode() in path.read_bytes()]


def log_in(page: Page, url: str, password: str) -> None:
    """Give the UI the password that it asks for."""
    page.goto(f"{url}/v2/login")
    page.get_by_role("textbox").fill(password)
    page.get_by_role("button", name="Login").click()
    expect(page.get_by_text("Logout")).to_be_visible()


class Form:
    """The form of one flow's deployment: the page behind its "Custom run"."""

    def __init__(self, page: Page, product: Product, flow: str) -> None:
        self.page, self.url = page, product.url
        page.goto(f"{product.url}/v2/deployments/deployment/{product.deployment(flow)}/run")
        expect(page.get_by_role("heading", name="Parameters")).to_be_visible()

    def fill(self, **values: str) -> None:
        """Type into the fields that have these labels."""
        for label, value in values.items():
            self.field(label).fill(value)

    def field(self, label: str) -> Locator:
        """The field with a label, be it optional or not."""
        spaced = label.replace("_", " ")
        return self.page.get_by_label(re.compile(rf"^{spaced}( \(Optional\))?$"))

    def add_items(self, label: str, *values: str) -> None:
        """Add items to the list that has this label."""
        label_locator = self.page.locator(
            "label", has_text=re.compile(rf"^{label}( \(Optional\))?$")
        )
        list_locator = label_locator.locator("xpath=ancestor::div[fieldset][1]")
        for value in values:
            list_locator.get_by_role("button", name="Add item").click()
            list_locator.get_by_role("textbox").last.fill(value)

    def tab(self, name: str) -> None:
        """Choose a tab."""
        self.page.get_by_role("tab", name=name, exact=True).click()

    def add_credentials(self, name: str, username: str, password: str) -> None:
        """Save a credentials block without leaving the form; it is then the chosen one."""
        self.add_block(name, User_name=username, Password=password)

    def add_block(self, name: str, **values: str) -> None:
        """Save a block without leaving the form; it is then the chosen one."""
        self.page.get_by_role("button", name="Add", exact=True).click()
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_label("Name", exact=True).fill(name)
        for label, value in values.items():
            dialog.get_by_label(label.replace("_", " "), exact=True).fill(value)
        self._press(dialog.get_by_role("button", name="Create"), "/block_documents/")
        expect(dialog).to_be_hidden()
        expect(self.page.get_by_label("Select a block")).to_have_text(name)
        self._wait_until_checked_again()

    def _wait_until_checked_again(self) -> None:
        """Creating a block submits the form as well; it is refused until it is checked again."""
        refusal = f"'{NOTHING_CHOSEN}' is not valid under any of the given schemas"
        error = self.page.get_by_text(refusal, exact=True)
        with suppress(AssertionError):
            expect(error).to_be_visible(timeout=3_000)
        expect(error).to_be_hidden()

    def submit(self) -> None:
        """Press the button."""
        self._press(self.page.get_by_role("button", name="Submit"), "/create_flow_run")

    def _press(self, button: Locator, path: str) -> None:
        """Press a button, again while Prefect's SQLite is locked: its form does not try again."""
        for _ in range(5):
            with self.page.expect_response(
                lambda response: response.url.endswith(path)
            ) as response_info:
                button.click()
            if response_info.value.status != httpx.codes.SERVICE_UNAVAILABLE:
                return

    def submit_and_wait(self, state: str) -> None:
        """Press the button, go to the run and wait until it ends as expected."""
        self.submit()
        self.page.get_by_role("button", name="View run").last.click()
        expect(self.page.get_by_role("tab", name="Job Variables")).to_be_visible()  # the run's page
        final_state = re.compile("^(Completed|Failed|Crashed|Cancelled)$")
        badge = self.page.get_by_text(final_state).first
        expect(badge).to_have_text(state, timeout=RUN_MS)


def open_artifact(page: Page, product: Product, key: str) -> Locator:
    """Open the newest version of an artifact by its key; returns what is shown."""
    page.goto(f"{product.url}/v2/artifacts/key/{key}")
    page.get_by_role("link", name=_VERSION).first.click()
    page.wait_for_url("**/artifacts/artifact/**")
    return page.get_by_test_id("markdown-display")
