"""Paged lists: all pages show the same state until it is compacted.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
and https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
"""

import base64
import json
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import NamedTuple

from deployments.simulators.kubernetes import errors
from deployments.simulators.kubernetes.errors import bad_request
from deployments.simulators.kubernetes.object_store import (
    HARBOR_CLUSTER_RESOURCE,
    Json,
    ObjectStore,
)
from deployments.simulators.kubernetes.request import KubernetesRequest
from deployments.simulators.kubernetes.responses import CompactJson
from deployments.simulators.kubernetes.target import RequestTarget

_MAX_STATES = 20
"""Number of states kept for further pages."""

_SELECTOR_FORM = re.compile(
    r"(?P<key>metadata\.name)==?(?P<value>[^=]*)|metadata\.namespace!=(?P<namespace>[^=]*)"
)
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/"""

_METADATA_TYPE = "as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_METADATA_VERSION = "meta.k8s.io/v1"
_UNKNOWN_VERSION_MESSAGE = "server does not recognize this encoded version "
_INVALID_BASE64_MESSAGE = "illegal base64 data at input byte 4"

Labels = Mapping[str, str]

_KEY_PATTERN = r"(?P<key>[A-Za-z0-9./_-]+)"
_VALUE_PATTERN = r"(?P<value>[A-Za-z0-9._-]*)"
_REQUIREMENT_FORMS: tuple[tuple[re.Pattern[str], Callable[[Labels, str, list[str]], bool]], ...] = (
    (re.compile(_KEY_PATTERN), lambda labels, key, _: key in labels),
    (re.compile(rf"!\s*{_KEY_PATTERN}"), lambda labels, key, _: key not in labels),
    (
        re.compile(rf"{_KEY_PATTERN}\s*==?\s*{_VALUE_PATTERN}"),
        lambda labels, key, values: labels.get(key) == values[0],
    ),
    (
        re.compile(rf"{_KEY_PATTERN}\s*!=\s*{_VALUE_PATTERN}"),
        lambda labels, key, values: labels.get(key) != values[0],
    ),
    (
        re.compile(rf"{_KEY_PATTERN}\s+in\s+\((?P<value>[^()]*)\)"),
        lambda labels, key, values: labels.get(key) in values,
    ),
    (
        re.compile(rf"{_KEY_PATTERN}\s+notin\s+\((?P<value>[^()]*)\)"),
        lambda labels, key, values: labels.get(key) not in values,
    ),
)


class FieldSelector(NamedTuple):
    """The supported terms of a field selector.

    Attributes:
        name: the only name that is selected; empty for all.
        excluded: namespaces that are not selected.
    """

    name: str = ""
    excluded: tuple[str, ...] = ()

    def matches(self, item: Json) -> bool:
        """Return whether an object is selected."""
        metadata = item["metadata"]
        is_named = not self.name or metadata["name"] == self.name
        return is_named and metadata.get("namespace", "") not in self.excluded


def parse_field_selector(request: KubernetesRequest) -> FieldSelector:
    """Return the field selector of a request.

    Raises:
        KubernetesApiError: it selects by another field, or in another way, than is simulated.
    """
    name, excluded = "", []
    for term in filter(None, request.query_value("fieldSelector").split(",")):
        match = _SELECTOR_FORM.fullmatch(term)
        if match is None:
            raise bad_request(f'"{term}" is not a known field selector: only "metadata.name"')
        if match["key"]:
            name = match["value"]
        else:
            excluded.append(match["namespace"])
    return FieldSelector(name, tuple(excluded))


class ListHandler:
    """Handles list requests."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._states: OrderedDict[tuple[str, str], list[Json]] = OrderedDict()

    def list_page(self, request: KubernetesRequest, target: RequestTarget) -> CompactJson:
        """Return one page.

        Raises:
            KubernetesApiError: the continue token is malformed or expired.
        """
        limit, more = request.query_value("limit") or "0", request.query_value("continue")
        if not limit.isdigit():
            raise bad_request(f'strconv.ParseInt: parsing "{limit}": invalid syntax')
        if more:
            version, start = self._parse_token(more)
            items = self._get_state(request, target, version, start)
        else:
            version, start = self._store.version, 0
            items = self._select_items(request, target)
        metadata: Json = {"resourceVersion": str(version)}
        page, end = _take_page(items, start, int(limit), request.query_value("labelSelector"))
        if end < len(items):
            self._save_state((_list_key(request), str(version)), items)
            metadata["continue"] = _build_token(version, end)
            if not any(request.query_value(f"{kind}Selector") for kind in ("field", "label")):
                metadata["remainingItemCount"] = len(items) - end
        if _METADATA_TYPE in request.headers.get("accept", ""):
            return _metadata_page(page, metadata)
        # Items of built-in kinds have no kind and apiVersion.
        if target.resource == HARBOR_CLUSTER_RESOURCE:
            metadata.setdefault("continue", "")
            page = [{**target.type_meta, **item} for item in page]
        head = {**target.type_meta, "kind": f"{target.type_meta['kind']}List", "metadata": metadata}
        return CompactJson({**head, "items": page})

    def _select_items(self, request: KubernetesRequest, target: RequestTarget) -> list[Json]:
        selector = parse_field_selector(request)
        items = self._store.list_objects(target.resource, target.namespace)
        return [item for item in items if selector.matches(item)]

    def _get_state(
        self, request: KubernetesRequest, target: RequestTarget, version: int, start: int
    ) -> list[Json]:
        # Version -1 is the current state.
        if version < 0:
            return self._select_items(request, target)
        items = self._states.get((_list_key(request), str(version)))
        if items is None or version <= self._store.compacted_version:
            raise errors.expired_token(_build_token(-1, start))
        return items

    def _save_state(self, key: tuple[str, str], items: list[Json]) -> None:
        self._states[key] = items
        while len(self._states) > _MAX_STATES:
            self._states.popitem(last=False)

    @staticmethod
    def _parse_token(token: str) -> tuple[int, int]:
        reason = _INVALID_BASE64_MESSAGE
        try:
            payload = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
            reason = _UNKNOWN_VERSION_MESSAGE
            return int(payload["rv"]), int(payload["start"])
        except (ValueError, KeyError, TypeError):
            message = f"invalid continue token: continue key is not valid: {reason}"
            raise bad_request(message) from None


def _metadata_page(page: list[Json], list_metadata: Json) -> CompactJson:
    # https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches
    type_meta = {"kind": "PartialObjectMetadata", "apiVersion": _METADATA_VERSION}
    head = {"kind": "PartialObjectMetadataList", "apiVersion": _METADATA_VERSION}
    items = [{**type_meta, "metadata": item["metadata"]} for item in page]
    return CompactJson({**head, "metadata": list_metadata, "items": items})


def _take_page(items: list[Json], start: int, limit: int, selector: str) -> tuple[list[Json], int]:
    # Returns the items of a page, and the start of the next one. As in a real server, labels are
    # matched page by page, so after a full page the last one may be empty.
    _matches_selector(selector, {})  # a malformed selector is an error even without items
    page: list[Json] = []
    for index, item in enumerate(items[start:], start):
        if limit and len(page) == limit:
            return page, index
        if _matches_selector(selector, item["metadata"].get("labels", {})):
            page.append(item)
    return page, len(items)


def _list_key(request: KubernetesRequest) -> str:
    selectors = (request.query_value("fieldSelector"), request.query_value("labelSelector"))
    return "?".join((request.path, *selectors))


def _build_token(version: int, start: int) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": start})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _matches_selector(selector: str, labels: Labels) -> bool:
    """Return whether labels meet all requirements of a selector.

    Raises:
        KubernetesApiError: the selector is malformed.
    """
    requirements = (
        [requirement.strip() for requirement in re.split(r",(?![^(]*\))", selector)]
        if selector
        else []
    )
    return all([_matches_requirement(requirement, labels) for requirement in requirements])


def _matches_requirement(requirement: str, labels: Labels) -> bool:
    for form, matches in _REQUIREMENT_FORMS:
        match = form.fullmatch(requirement)
        if match:
            values = [value.strip() for value in match.groupdict().get("value", "").split(",")]
            return matches(labels, match["key"], values)
    raise bad_request(f"unable to parse requirement: {requirement}")
