"""Table of all operations under /api/v2.0."""

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

# Before 2.13, the audit log is the same list under another name.
LEGACY_AUDIT_LOG = Route("GET", "/audit-logs", audit.list_all)

API_ROUTER = Router(
    [
        *system.SYSTEM_ROUTES,
        *users.USER_ROUTES,
        *projects.PROJECT_ROUTES,
        *project_writes.PROJECT_WRITE_ROUTES,
        *metadatas.METADATA_ROUTES,
        *members.MEMBER_ROUTES,
        *quotas.QUOTA_ROUTES,
        *robots.ROBOT_ROUTES,
        *robot_writes.ROBOT_WRITE_ROUTES,
        *repositories.REPOSITORY_ROUTES,
        *replication.REMOTE_ROUTES,
        *audit.AUDIT_ROUTES,
        LEGACY_AUDIT_LOG,
    ]
)
