"""Read objects of any kind: complete lists, single objects, and lenient parsing."""

import re
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from models.clusters.cluster import ClusterRight
from models.clusters.rights import manifest_advice
from models.core.availability import Complete, Unavailable
from models.core.errors import RemoteError
from models.core.reasons import Reason
from models.discovery.managed_harbor import ManagedHarbor
from tasks.clusters import api_errors
from tasks.clusters.objects import KubernetesModel, KubernetesObject
from tasks.clusters.paging import ObjectList, list_all_objects
from tasks.http.client import HttpClient
from tasks.http.response import Response

ModelT = TypeVar("ModelT", bound=KubernetesModel)
ObjectT = TypeVar("ObjectT", bound=KubernetesObject)

_MAX_MESSAGE_LENGTH = 200
_MAX_SOURCE_LENGTH = 5_000
_CREDENTIALS_PATTERN = re.compile(r"//[^/\s@]+@|(?<=password=)\S+|(?<=passwd=)\S+", re.IGNORECASE)


class StatusCondition(KubernetesModel):
    """A condition in the status of an object."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class ResourcePath:
    """API path of objects.

    Attributes:
        api: group and version, for example `api/v1` or `apis/apps/v1`.
        kind: plural resource name, as in roles; empty for the list of API groups.
        namespace: namespace; empty for all.
        name: name of the object; empty for a list.
    """

    api: str
    kind: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def path(self) -> str:
        """Path of the URL."""
        namespace_parts = ("namespaces", self.namespace) if self.namespace else ()
        parts = (*self.api.split("/"), *namespace_parts, self.kind, self.name)
        return "".join(f"/{quote(part, safe='')}" for part in parts if part)

    @property
    def required_rule(self) -> str:
        """Message with the missing right to a list and the rule that grants it."""
        if not self.kind:
            return f'may not get {self.path}: bind the ClusterRole "system:discovery"'
        group = self.api.removeprefix("api").removeprefix("s/").rpartition("/")[0]
        right = ClusterRight(verb="list", resource=self.kind, group=group)
        return f"may not list {self.kind}: {manifest_advice(right)}"


class ObjectReader:
    """Reads lists and objects of one cluster.

    Args:
        http: HTTP client of the cluster.
    """

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    @property
    def cluster(self) -> str:
        """Name of the cluster."""
        return self._http.name

    async def list_objects(
        self, resource: ResourcePath, shape: type[ObjectT], query: Mapping[str, str] | None = None
    ) -> list[ObjectT]:
        """List all objects; see `list_all_objects`.

        Args:
            resource: API path of the list.
            shape: model of an item.
            query: query parameters, without paging.

        Raises:
            RemoteError: the list could not be read completely; reason NotFound if the cluster does
                not serve this kind.
        """
        return await list_all_objects(
            self._http,
            resource.path,
            ObjectList[shape],  # type: ignore[valid-type]
            lambda item: item,
            query=query or {},
            to_error=lambda response: self._response_error(resource, response),
        )

    async def get_object(self, resource: ResourcePath, shape: type[ModelT]) -> ModelT:
        """Read one object.

        Raises:
            RemoteError: the object could not be read; reason NotFound if it does not exist.
        """
        response = await self._http.get(resource.path)
        if response.status != 200:
            raise self._response_error(resource, response)
        return api_errors.parse_object(response, shape)

    def _response_error(self, resource: ResourcePath, response: Response) -> RemoteError:
        if resource.name:
            return api_errors.read_error_from_response(
                response, resource.kind, resource.namespace, resource.name
            )
        error = api_errors.cluster_error_from_response(response)
        if error.reason is not Reason.FORBIDDEN:
            return error
        return RemoteError(
            self._http.target, "GET", resource.path, resource.required_rule, error.reason
        )


async def complete_or_unavailable(
    coroutine: Coroutine[Any, Any, list[ManagedHarbor]],
) -> Complete[ManagedHarbor] | Unavailable:
    """Return the result as a complete section; an unavailable section for a `RemoteError`."""
    try:
        return Complete(items=tuple(await coroutine))
    except RemoteError as error:
        return Unavailable(reason=error.reason, message=error.message)


def parse_lenient(shape: type[ModelT], raw: object, location: str) -> tuple[ModelT, str]:
    """Parse a part of an object, and skip invalid fields.

    Args:
        shape: model of the part; all its fields must have defaults.
        raw: the part as parsed JSON, not validated by the API server.
        location: path of the part, for the message.

    Returns:
        The part without its invalid fields, and a message about the first one (empty if none).
    """
    fields, message = dict(raw) if isinstance(raw, dict) else {}, ""
    if raw is not None and not isinstance(raw, dict):
        message = f"{location} is invalid (not an object)"
    while True:
        try:
            return shape.model_validate(fields), message
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            field = ".".join(str(step) for step in first["loc"])[:100]
            message = message or f"{location}.{field} is invalid ({first['type']})"
            del fields[str(first["loc"][0])]


def redact(text: str) -> str:
    """Return an external message truncated, and without anything that looks like credentials."""
    line = " ".join(text.split())
    if len(line) > _MAX_SOURCE_LENGTH:  # cut at a space, so that no partial credential remains
        line = line[:_MAX_SOURCE_LENGTH].rpartition(" ")[0] + "…"
    plain = _CREDENTIALS_PATTERN.sub("…", line)
    return plain if len(plain) <= _MAX_MESSAGE_LENGTH else f"{plain[: _MAX_MESSAGE_LENGTH - 1]}…"
