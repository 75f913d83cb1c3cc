"""Clusters: their namespaces, pull secrets, missing rights and managed Harbors; and what to do."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from pydantic import SecretStr
from sqlmodel import Session
from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from deployments.console.context import read
from deployments.console.errors import PageNotFound
from deployments.console.forms import (
    InvalidForm,
    check_parameters,
    is_checked,
    start,
    start_preview,
    text_of,
)
from deployments.console.pages.configuration import find_mark
from deployments.console.rendering import FORMER_FORM, render, url
from flows.clusters.register_cluster import register_cluster
from flows.clusters.remove_cluster import remove_cluster
from flows.clusters.sync_namespaces import sync_namespaces
from flows.discovery.integrate_managed import integrate_managed_harbor
from flows.registries.remove import remove_registry
from models.clusters.rights import missing_rules
from models.configuration.things import Mark, ThingKey, ThingKind
from models.core.errors import IntegrationError, InvalidRequest
from models.core.suggestion import suggest_name
from models.discovery.managed_harbor import AdoptionState, ManagedHarborRecord
from models.overview.audit_list import AuditItem, AuditQuery
from models.overview.cluster_list import ClusterItem
from models.overview.lists import ListPage, ListQuery, NamespaceQuery, page_offset
from models.overview.views import WorkspaceNamespace
from models.registries.registry import BlockRef, NamedCredentialRef
from tasks.prefect.api import PrefectUnavailable
from tasks.secrets.cluster_credentials import check_kubeconfig, list_saved_kubeconfigs
from tasks.secrets.form_blocks import (
    discard_form_credentials,
    save_form_kubeconfig,
    sweep_form_credentials,
)
from tasks.store.access import clusters
from tasks.store.configuration import find_marks
from tasks.store.lists.audit import list_audit
from tasks.store.lists.clusters import get_cluster_item, list_cluster_items
from tasks.store.lists.managed_harbors import list_harbors
from tasks.store.lists.namespaces import list_namespaces

_FIELDS = ("name", "credentials", "description", "link_service_accounts", "replace")
_HISTORY_ROWS = 20
_NO_HARBORS: ListPage[ManagedHarborRecord] = ListPage()

IN_CLUSTER = ""
"""Value of the form for the cluster that the service runs in."""

_NO_SAVED_KUBECONFIG = "None: the new one below, or the cluster that this service runs in"

_CAN_BE_ADOPTED = frozenset(AdoptionState) - {AdoptionState.ADOPTED, AdoptionState.MISSING}


class _PageData(NamedTuple):
    item: ClusterItem
    other_names: tuple[str, ...]
    namespaces: ListPage[WorkspaceNamespace]
    harbors: ListPage[ManagedHarborRecord]
    history: ListPage[AuditItem]
    mark: Mark | None


async def show_all(request: Request) -> Response:
    """Show all clusters."""
    query = _list_query(request.query_params)
    page = await read(list_cluster_items, query)
    return render(request, "clusters.html", page=page, list_query=query)


async def show(request: Request) -> Response:
    """Show a cluster."""
    name, params = request.path_params["name"], request.query_params
    data = await read(_load, name, params)
    if data is None and name == FORMER_FORM:
        return RedirectResponse(url("clusters", "-", "new"), status_code=303)
    if data is None:
        raise await _not_found(name)
    return render(
        request,
        "cluster.html",
        item=data.item,
        other_names=data.other_names,
        namespaces=data.namespaces,
        harbors=data.harbors,
        history=data.history,
        mark=data.mark,
        rules=missing_rules(data.item.status.missing_rights or ()),
        search=params.get("q", ""),
        can_be_adopted=_CAN_BE_ADOPTED,
    )


async def show_form(request: Request) -> Response:
    """Show the form that registers a cluster, or changes a registered one (`?name=`)."""
    with suppress(PrefectUnavailable):  # the page says so
        await sweep_form_credentials()
    values = {"name": request.query_params.get("name", ""), "link_service_accounts": "on"}
    existing = await read(get_cluster_item, values["name"]) if values["name"] else None
    if existing is not None:
        cluster = existing.cluster
        values |= {
            "credentials": _option_of(cluster.credential),
            "description": cluster.description,
            "link_service_accounts": "on" if cluster.links_accounts else "",
        }
    return await _form_page(request, values)


def _option_of(reference: NamedCredentialRef | None) -> str:
    if reference is None:
        return IN_CLUSTER
    return reference.name if isinstance(reference, BlockRef) else str(reference)


async def register(request: Request, form: FormData) -> Response:
    """Register a cluster, or change its credentials and settings."""
    values = {name: text_of(form, name) for name in _FIELDS}
    kubeconfig, block = text_of(form, "kubeconfig"), values["credentials"]
    reference = {"$ref": {"block_document_slug": f"cluster-credentials/{block}"}}
    parameters: dict[str, Any] = {
        "name": values["name"],
        "credentials": None if block == IN_CLUSTER else reference,
        "link_service_accounts": is_checked(form, "link_service_accounts"),
        "description": values["description"],
        "replace": is_checked(form, "replace"),
    }
    block_id = ""
    try:
        _check_credentials(block, kubeconfig)
        check_parameters(register_cluster, parameters)
        if kubeconfig:
            block_id = await save_form_kubeconfig(values["name"], SecretStr(kubeconfig))
            parameters["credentials"] = {"$ref": block_id}
        return await start(request, register_cluster, parameters, url("clusters", values["name"]))
    except (InvalidForm, IntegrationError) as error:
        if block_id:
            await discard_form_credentials(block_id)
        errors = error.errors if isinstance(error, InvalidForm) else {"": str(error)}
        return await _form_page(request, values, errors=errors, status=422)


def _check_credentials(block: str, kubeconfig: str) -> None:
    """Check where the kubeconfig comes from, and a new one before it is saved.

    Raises:
        InvalidForm: a field is invalid; the message contains nothing of the kubeconfig.
    """
    if " " in block:  # no name of a block: see `_option_of`
        error = f"only a configuration file can name the {block}: choose a saved kubeconfig here"
        raise InvalidForm({"credentials": error})
    if kubeconfig and block != IN_CLUSTER:
        error = "choose a saved kubeconfig, or paste a new one; not both"
        raise InvalidForm({"credentials": error})
    try:
        if kubeconfig:
            check_kubeconfig(kubeconfig)
    except InvalidRequest as error:
        message = f"{error}; it is not kept when the form comes back"
        raise InvalidForm({"kubeconfig": message}) from None


async def sync(request: Request, form: FormData) -> Response:
    """Update the pull secrets of a cluster, or preview that."""
    name = await _existing_name(request)
    run = start_preview if is_checked(form, "preview") else start
    return await run(request, sync_namespaces, {"only": [name]}, url("clusters", name))


async def remove(request: Request, form: FormData) -> Response:
    """Preview the removal of a cluster."""
    del form
    name = await _existing_name(request)
    return await start_preview(request, remove_cluster, {"name": name}, url("clusters"))


async def adopt(request: Request, form: FormData) -> Response:
    """Integrate a managed Harbor, also one that was excluded."""
    name = await _existing_name(request)
    parameters = {
        "cluster": name,
        "namespace": text_of(form, "namespace"),
        "name": text_of(form, "harbor"),
        "adopt_again": is_checked(form, "adopt_again"),
        "take_over": is_checked(form, "take_over"),
    }
    return await start(request, integrate_managed_harbor, parameters, url("clusters", name))


async def exclude(request: Request, form: FormData) -> Response:
    """Preview the removal of an adopted Harbor's registry, which excludes it from adoption."""
    name = await _existing_name(request)
    parameters = {"name": text_of(form, "registry")}
    return await start_preview(request, remove_registry, parameters, url("clusters", name))


def _list_query(params: QueryParams | Mapping[str, str]) -> ListQuery:
    return ListQuery(search=params.get("q", ""), offset=page_offset(params.get("page", "")))


def _load(session: Session, name: str, params: Mapping[str, str]) -> _PageData | None:
    item = get_cluster_item(session, name)
    if item is None:
        return None
    namespaces = NamespaceQuery(
        cluster=name, search=params.get("q", ""), offset=page_offset(params.get("page", ""))
    )
    harbors = ListQuery(offset=page_offset(params.get("harbors", "")))
    history = AuditQuery(cluster=name, limit=_HISTORY_ROWS)
    key = ThingKey(ThingKind.CLUSTER, name)
    return _PageData(
        item,
        clusters.list_other_names(session, item.cluster),
        list_namespaces(session, namespaces),
        list_harbors(session, harbors, name) if item.harbor_counts else _NO_HARBORS,
        list_audit(session, history),
        find_marks(session, [key]).get(key),
    )


async def _existing_name(request: Request) -> str:
    name: str = request.path_params["name"]
    if name not in await read(clusters.list_names):
        raise await _not_found(name)
    return name


async def _not_found(name: str) -> PageNotFound:
    suggestion = suggest_name(name, await read(clusters.list_names))
    return PageNotFound("cluster", name, suggestion, url("clusters", suggestion or ""))


async def _form_page(
    request: Request,
    values: Mapping[str, str],
    *,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    try:
        saved, prefect_error = await list_saved_kubeconfigs(), ""
    except IntegrationError as error:
        saved, prefect_error = (), str(error)
    # The chosen one is always an option: a browser would select another one in its place.
    names = sorted({*saved, values.get("credentials", IN_CLUSTER)} - {IN_CLUSTER})
    return render(
        request,
        "cluster_new.html",
        status=status,
        values=dict.fromkeys(_FIELDS, "") | dict(values),
        errors=dict.fromkeys((*_FIELDS, "kubeconfig", ""), "") | dict(errors or {}),
        mark=await find_mark(ThingKind.CLUSTER, values["name"]),
        saved=[*((name, name) for name in names), (IN_CLUSTER, _NO_SAVED_KUBECONFIG)],
        prefect_error=prefect_error,
    )
