"""axe-core, which checks pages for accessibility; npm fetches it into a temporary folder."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Page

_VERSION = "4.10.3"
_SECONDS = 120


def load_axe(folder: Path) -> str:
    """Return the source of axe-core; skip if npm or its registry cannot be reached."""
    npm = shutil.which("npm") or pytest.skip("npm is missing; apt-get install npm")
    command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--no-save"]
    try:
        subprocess.run(
            [*command, f"axe-core@{_VERSION}"],
            check=True,
            capture_output=True,
            timeout=_SECONDS,
        )
    except (subprocess.SubprocessError, OSError):
        pytest.skip("axe-core cannot be installed; let npm reach its registry")
    return (folder / "node_modules/axe-core/axe.min.js").read_text()


def violations(page: Page, axe: str) -> list[str]:
    """Return what axe-core finds on a page, one line for each rule."""
    page.evaluate(f"{axe}\n;0")  # the content security policy forbids a script element
    result = page.evaluate("async () => JSON.stringify((await axe.run()).violations)")
    return [
        f"{rule['id']}: {rule['help']}: {[node['html'][:200] for node in rule['nodes'][:3]]}"
        for rule in json.loads(result)
    ]
