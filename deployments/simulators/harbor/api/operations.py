"""Every operation under /api/v2.0, in one table."""

from deployments.simulators.harbor.api import (
    audit,
    members,
    metadatas,
    project_writes,
    projects,
    quotas,
    replication,
    repositories,
    robot_writes,
    robots,
    system,
    users,
)
from deployments.simulators.harbor.web.routing import Route, Router

# The old audit log of releases before 2.13 is the same list under another name.
OLD_AUDIT_LOG = Route("GET", "/audit-logs", audit.list_all)

API = Router(
    [
        *system.ROUTES,
        *users.ROUTES,
        *projects.ROUTES,
        *project_writes.ROUTES,
        *metadatas.ROUTES,
        *members.ROUTES,
        *quotas.ROUTES,
        *robots.ROUTES,
        *robot_writes.ROUTES,
        *repositories.ROUTES,
        *replication.ROUTES,
        *audit.ROUTES,
        OLD_AUDIT_LOG,
    ]
)
