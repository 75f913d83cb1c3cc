"""A simulated Harbor (2.9 to 2.16) for the demo, the tests and the benchmarks.

    harbor = SimulatedHarbor(lockout_seconds=0.05)
    harbor.add_project("demo", public=True)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=harbor.app), base_url=...)

tests/simulators/test_harbor_golden.py compares it with recorded responses of a real core.
"""

from deployments.simulators.harbor.core import SimulatedHarbor
from deployments.simulators.harbor.log import HarborRequestLog, HarborRequestRecord
from deployments.simulators.harbor.settings import HarborSettings
from deployments.simulators.harbor.state import (
    Artifact,
    HarborAuditEntry,
    Member,
    Permission,
    Project,
    Quota,
    Repository,
    Robot,
    User,
)

__all__ = [
    "Artifact",
    "HarborAuditEntry",
    "HarborRequestLog",
    "HarborRequestRecord",
    "HarborSettings",
    "Member",
    "Permission",
    "Project",
    "Quota",
    "Repository",
    "Robot",
    "SimulatedHarbor",
    "User",
]
