"""The simulated Harbor: its state, and the application that serves it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cached_property

from starlette.types import ASGIApp

from deployments.simulators.harbor.app import HarborApp
from deployments.simulators.harbor.state import content
from deployments.simulators.harbor.state.core import HarborCore
from deployments.simulators.harbor.state.entities import Artifact


class SimulatedHarbor(HarborCore):
    """A Harbor in memory. `app` serves it; tests can change all other state."""

    @cached_property
    def app(self) -> ASGIApp:
        """The ASGI application."""
        return HarborApp(self)

    def add_image(
        self, repository: str, tag: str, layers: Iterable[bytes] = (b"layer",)
    ) -> Artifact:
        """Push an image as a client does: layers, config and manifest, within the quota."""
        project = self.projects[repository.split("/", 1)[0]]
        config = json.dumps({"architecture": "amd64", "os": "linux"}).encode()
        parts = list(layers)
        for data in (*parts, config):
            content.store_blob(self, project, data)
        manifest = content.image_manifest(config, parts)
        return content.store_manifest(
            self, project, repository, tag, manifest, content.MANIFEST_MEDIA_TYPE
        )
