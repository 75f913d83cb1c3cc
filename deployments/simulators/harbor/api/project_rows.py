"""Projects as JSON. Each project's text is built once and kept until its content changes."""

from __future__ import annotations

from deployments.simulators.harbor.state import Project
from deployments.simulators.harbor.web.request import Caller
from deployments.simulators.harbor.web.responses import ZERO_TIME, encode, timestamp

NO_ROLE = b'"current_user_role_ids":null,'


def row(project: Project, caller: Caller) -> bytes:
    """One project with all details, for this caller."""
    # The content is its own stamp, so a test may change a project in any way it likes.
    stamp = (
        project.updated, project.owner_name, project.registry_id, len(project.repositories),
        *project.metadata.items(),
    )  # fmt: skip
    kept = project.rendered
    if kept is None or kept[0] != stamp:
        kept = (stamp, *_halves(project, detail=True))
        project.rendered = kept
    return kept[1] + _role(project, caller) + kept[2]


def plain_row(project: Project, caller: Caller) -> bytes:
    """One project as `with_detail=false` shows it."""
    head, tail = _halves(project, detail=False)
    return head + _role(project, caller) + tail


def search_row(project: Project, caller: Caller) -> bytes:
    """One project as /search shows it: the metadata, but not the other details."""
    head, tail = _halves(project, detail=False)
    metadata = b'"metadata":' + encode(dict(sorted(project.metadata.items()))) + b',"name":'
    return head + _role(project, caller) + tail.replace(b'"name":', metadata, 1)


def _role(project: Project, caller: Caller) -> bytes:
    role = project.role_of(caller.user.id) if caller.user is not None else None
    if role is None:
        return NO_ROLE
    return b'"current_user_role_id":%d,"current_user_role_ids":[%d],' % (role, role)


def _halves(project: Project, detail: bool) -> tuple[bytes, bytes]:
    """The text before and after the caller's role, keys in alphabetical order."""
    allowlist: dict[str, object] = {"creation_time": ZERO_TIME}
    if detail:
        allowlist |= {"id": project.allowlist_id, "items": [], "project_id": project.id}
    else:
        allowlist["items"] = None
    rest: dict[str, object] = {"cve_allowlist": allowlist | {"update_time": ZERO_TIME}}
    if detail:
        rest["metadata"] = dict(sorted(project.metadata.items()))
    rest |= {"name": project.name, "owner_id": project.owner_id}
    if detail:
        rest["owner_name"] = project.owner_name
    rest["project_id"] = project.id
    if project.registry_id:
        rest["registry_id"] = project.registry_id
    rest |= {
        "repo_count": len(project.repositories),
        "update_time": timestamp(project.updated),
    }
    head = b'{"creation_time":' + encode(timestamp(project.created)) + b","
    return head, encode(rest)[1:]
