"""axe-core, which checks pages for accessibility; npm fetches it into a temporary folder."""

import json
import shutil
import subprocess
from pathlib import Path

from playwright.sync_api import Page

_VERSION = "4.10.3"
_SECONDS = 120
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
"""The rules of WCAG, levels A and AA; not the recommendations besides."""


def load_axe(folder: Path) -> str:
    """Return the source of axe-core; empty if npm or its registry cannot be reached."""
    npm = shutil.which("npm")
    if npm is None:
        return ""
    command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--no-save"]
    try:
        subprocess.run(
            [*command, f"axe-core@{_VERSION}"],
            check=True,
            capture_output=True,
            timeout=_SECONDS,
        )
    except (subprocess.SubprocessError, OSError):
        return ""
    return (folder / "node_modules/axe-core/axe.min.js").read_text()


def violations(page: Page, axe: str) -> list[str]:
    """Return what axe-core finds on a page, one line for each rule."""
    page.evaluate(f"{axe}\n;0")  # the content security policy forbids a script element
    run = f"axe.run({{ runOnly: {json.dumps(_RULES)} }})"
    result = page.evaluate(f"async () => JSON.stringify((await {run}).violations)")
    return [
        f"{rule['id']}: {rule['help']}: {[node['html'][:200] for node in rule['nodes'][:3]]}"
        for rule in json.loads(result)
    ]
