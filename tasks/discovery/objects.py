"""Reading objects of any kind: whole lists, page by page, and the readable parts of an object."""

import re
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from models.core.availability import Complete, Unavailable
from models.core.errors import ClusterError
from models.core.reasons import Reason
from models.discovery.managed_harbor import ManagedHarbor
from tasks.clusters import api_errors
from tasks.clusters.http import ClusterHttpClient
from tasks.clusters.objects import KubernetesModel
from tasks.clusters.paging import ObjectList, list_all_objects
from tasks.http.response import Response

ModelT = TypeVar("ModelT", bound=KubernetesModel)

_MAX_MESSAGE_LENGTH = 200
_MAX_SOURCE_LENGTH = 5_000
_CREDENTIALS_PATTERN = re.compile(r"//[^/\s@]+@|(?<=password=)\S+|(?<=passwd=)\S+", re.IGNORECASE)


@dataclass(frozen=True)
class ResourcePath:
    """Where objects are in the API.

    Attributes:
        api: group and version: `api/v1` or e.g. `apis/apps/v1`.
        kind: in plural, as roles name it; empty asks which groups there are.
        namespace: empty means all.
        name: empty means a list.
    """

    api: str
    kind: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def path(self) -> str:
        """The path of its URL."""
        namespace_parts = ("namespaces", self.namespace) if self.namespace else ()
        parts = (*self.api.split("/"), *namespace_parts, self.kind, self.name)
        return "".join(f"/{quote(part, safe='')}" for part in parts if part)

    @property
    def required_rule(self) -> str:
        """The right it takes, as a person would grant it."""
        if not self.kind:
            return f'may not get {self.path}: bind the ClusterRole "system:discovery"'
        verb = "get" if self.name else "list"
        target = f'{self.kind} "{self.name}"' if self.name else self.kind
        location = f" in namespace {self.namespace}" if self.namespace else ""
        group = self.api.removeprefix("api").removeprefix("s/").rpartition("/")[0]
        api_group = f' of apiGroup "{group}"' if group else ""
        grant = f'grant the verb "{verb}" on "{self.kind}"{api_group}'
        return f"may not {verb} {target}{location}: {grant}"


class ObjectReader:
    """Reads lists and objects of one cluster.

    Args:
        http: sends requests.
    """

    def __init__(self, http: ClusterHttpClient) -> None:
        self._http = http

    @property
    def cluster(self) -> str:
        """The name of the cluster."""
        return self._http.cluster

    async def list_objects(
        self, resource: ResourcePath, shape: type[ModelT], query: Mapping[str, str] | None = None
    ) -> list[ModelT]:
        """List all; see `list_all_objects`.

        Raises:
            ClusterError: it could not be read completely; NotFound if there is no such kind here.
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
        """Get one object.

        Raises:
            ClusterError: it could not be read; NotFound if it is not there.
        """
        response = await self._http.get(resource.path)
        if response.status != 200:
            raise self._response_error(resource, response)
        return api_errors.parse_object(self.cluster, response, shape)

    def _response_error(self, resource: ResourcePath, response: Response) -> ClusterError:
        error = api_errors.cluster_error_from_response(self.cluster, response)
        if error.reason is not Reason.FORBIDDEN:
            return error
        return ClusterError(
            self.cluster, "GET", resource.path, resource.required_rule, error.reason
        )


async def complete_or_unavailable(
    coroutine: Coroutine[Any, Any, list[ManagedHarbor]],
) -> Complete[ManagedHarbor] | Unavailable:
    """Turn a failed look into a section that says so."""
    try:
        return Complete(items=tuple(await coroutine))
    except ClusterError as error:
        return Unavailable(reason=error.reason, message=error.message)


def parse_lenient(shape: type[ModelT], raw: object, location: str) -> tuple[ModelT, str]:
    """Read what can be read of a part that nobody validated; all its fields must have defaults.

    Returns:
        The part without what is unreadable, and what that is; empty if all can be read.
    """
    fields, message = dict(raw) if isinstance(raw, dict) else {}, ""
    if raw is not None and not isinstance(raw, dict):
        message = f"{location} is unreadable (no object)"
    while True:
        try:
            return shape.model_validate(fields), message
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            field = ".".join(str(step) for step in first["loc"])[:100]
            message = message or f"{location}.{field} is unreadable ({first['type']})"
            del fields[str(first["loc"][0])]


def redact(text: str) -> str:
    """Shorten what somebody else says, and take out what looks like credentials."""
    line = " ".join(text.split())
    if len(line) > _MAX_SOURCE_LENGTH:  # at a space, so that no half of a credential is left
        line = line[:_MAX_SOURCE_LENGTH].rpartition(" ")[0] + "…"
    plain = _CREDENTIALS_PATTERN.sub("…", line)
    return plain if len(plain) <= _MAX_MESSAGE_LENGTH else f"{plain[: _MAX_MESSAGE_LENGTH - 1]}…"
