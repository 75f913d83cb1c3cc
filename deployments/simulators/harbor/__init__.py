"""A simulated Harbor (2.9 to 2.16) for the demo, the tests and the benchmarks.

    harbor = Harbor(lockout_seconds=0.05)
    harbor.add_project("demo", public=True)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=harbor.app), base_url=...)

It is held to records of a real core by tests/simulators/test_harbor_golden.py.
"""

from deployments.simulators.harbor.core import Harbor
from deployments.simulators.harbor.log import Entry, RequestLog
from deployments.simulators.harbor.settings import Settings
from deployments.simulators.harbor.state import (
    Artifact,
    AuditEntry,
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
    "AuditEntry",
    "Entry",
    "Harbor",
    "Member",
    "Permission",
    "Project",
    "Quota",
    "Repository",
    "RequestLog",
    "Robot",
    "Settings",
    "User",
]
