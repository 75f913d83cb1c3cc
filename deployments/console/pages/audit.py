"""The audit: who changed what, when and why; filtered, and exported as CSV or JSON."""

import csv
import io
from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple

from sqlmodel import Session
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from deployments.console.context import read
from deployments.console.rendering import render
from models.overview.audit_list import (
    AUDIT_COLUMNS,
    AUDIT_KINDS,
    AuditItem,
    AuditQuery,
    csv_cells,
    parse_day,
)
from models.overview.lists import ListPage, page_offset
from tasks import clock
from tasks.store.access import clusters, workspaces
from tasks.store.lists.audit import list_audit, list_audit_before
from tasks.store.registries import registries

_EXPORT_ROWS = 1_000
"""Entries that an export reads at once: its memory does not grow with the audit."""

_MAX_OPTIONS = 200
_MAX_LENGTH = 300


class _PageData(NamedTuple):
    page: ListPage[AuditItem]
    registries: tuple[str, ...]
    workspaces: tuple[str, ...]
    clusters: tuple[str, ...]


async def show(request: Request) -> Response:
    """Show a page of the audit."""
    query = parse_query(request.query_params)
    data = await read(_load, query)
    filters = {name: value for name, value in request.query_params.items() if name != "page"}
    return render(
        request,
        "audit.html",
        page=data.page,
        list_query=query,
        kinds=AUDIT_KINDS,
        pickers={
            "registry": _options(data.registries, query.registry),
            "workspace": _options(data.workspaces, query.workspace),
            "cluster": _options(data.clusters, query.cluster),
        },
        filters=filters,
    )


async def export_csv(request: Request) -> Response:
    """Return all entries that match the filters as CSV."""
    query = parse_query(request.query_params)
    return _download(_csv_lines(query), "text/csv; charset=utf-8", "csv")


async def export_json(request: Request) -> Response:
    """Return all entries that match the filters as a JSON array."""
    query = parse_query(request.query_params)
    return _download(_json_parts(query), "application/json", "json")


def parse_query(params: QueryParams | Mapping[str, str]) -> AuditQuery:
    """Return the query of an address; what is not a choice or a day is ignored."""
    kind = params.get("kind", "")
    return AuditQuery(
        search=params.get("q", ""),
        kind=kind if kind in AUDIT_KINDS else "",
        actor=_text(params, "actor"),
        registry=_text(params, "registry"),
        workspace=_text(params, "workspace"),
        cluster=_text(params, "cluster"),
        since=parse_day(params.get("since", "")),
        until=parse_day(params.get("until", "")),
        offset=page_offset(params.get("page", "")),
    )


def _text(params: QueryParams | Mapping[str, str], name: str) -> str:
    return params.get(name, "").replace("\0", "").strip()[:_MAX_LENGTH]  # PostgreSQL has no NUL


def _load(session: Session, query: AuditQuery) -> _PageData:
    return _PageData(
        list_audit(session, query),
        tuple(sorted(registries.list_names(session))),
        workspaces.list_names(session),
        clusters.list_names(session),
    )


def _options(names: tuple[str, ...], selected: str) -> tuple[str, ...]:
    """Return the options of a filter; a removed registry can still be selected by its address."""
    extra = (selected,) if selected and selected not in names[:_MAX_OPTIONS] else ()
    return (*extra, *names[:_MAX_OPTIONS])


async def _read_parts(query: AuditQuery) -> AsyncIterator[tuple[AuditItem, ...]]:
    before_id: int | None = None
    while part := await read(list_audit_before, query, before_id, _EXPORT_ROWS):
        yield part
        before_id = part[-1].id


async def _csv_lines(query: AuditQuery) -> AsyncIterator[str]:
    yield _csv_text([AUDIT_COLUMNS])
    async for part in _read_parts(query):
        yield _csv_text([csv_cells(item) for item in part])


def _csv_text(rows: list[tuple[str, ...]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()


async def _json_parts(query: AuditQuery) -> AsyncIterator[str]:
    separator = "[\n"
    async for part in _read_parts(query):
        for item in part:
            yield separator + item.model_dump_json()
            separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"


def _download(content: AsyncIterator[str], media_type: str, suffix: str) -> Response:
    name = f"audit-{clock.now():%Y-%m-%d}.{suffix}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(content, media_type=media_type, headers=headers)
