"""Projects as JSON. The text of a project is cached until its content changes."""

from __future__ import annotations

from deployments.simulators.harbor.state.entities import Project
from deployments.simulators.harbor.web.request import Caller
from deployments.simulators.harbor.web.responses import ZERO_TIME, encode_json, format_time

NO_ROLE = b'"current_user_role_ids":null,'


def project_row(project: Project, caller: Caller) -> bytes:
    """Return a project with all details, for this caller."""
    # The content is the cache key, so tests can change a project in any way.
    stamp = (
        project.updated, project.owner_name, project.registry_id, len(project.repositories),
        *project.metadata.items(),
    )  # fmt: skip
    cache = project.json_cache
    if cache is None or cache[0] != stamp:
        cache = (stamp, *_json_halves(project, detail=True))
        project.json_cache = cache
    return cache[1] + _role_json(project, caller) + cache[2]


def project_row_without_detail(project: Project, caller: Caller) -> bytes:
    """Return a project as with `with_detail=false`."""
    head, tail = _json_halves(project, detail=False)
    return head + _role_json(project, caller) + tail


def _role_json(project: Project, caller: Caller) -> bytes:
    role = project.role_of(caller.user.id) if caller.user is not None else None
    if role is None:
        return NO_ROLE
    return b'"current_user_role_id":%d,"current_user_role_ids":[%d],' % (role, role)


def _json_halves(project: Project, detail: bool) -> tuple[bytes, bytes]:
    # The JSON before and after the caller's role; keys are in alphabetical order.
    allowlist: dict[str, object] = {"creation_time": ZERO_TIME}
    if detail:
        allowlist |= {"id": project.allowlist_id, "items": [], "project_id": project.id}
    else:
        allowlist["items"] = None
    tail: dict[str, object] = {"cve_allowlist": allowlist | {"update_time": ZERO_TIME}}
    if detail:
        tail["metadata"] = dict(sorted(project.metadata.items()))
    tail |= {"name": project.name, "owner_id": project.owner_id}
    if detail:
        tail["owner_name"] = project.owner_name
    tail["project_id"] = project.id
    if project.registry_id:
        tail["registry_id"] = project.registry_id
    tail |= {
        "repo_count": len(project.repositories),
        "update_time": format_time(project.updated),
    }
    head = b'{"creation_time":' + encode_json(format_time(project.created)) + b","
    return head, encode_json(tail)[1:]
