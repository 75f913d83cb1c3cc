"""Reading objects of any kind: whole lists, page by page, and the readable parts of an object."""

import re
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from models.core.availability import Seen, Unseen
from models.core.errors import ClusterError
from models.core.reasons import Reason
from models.discovery.managed_harbor import ManagedHarbor
from tasks.clusters import api_errors
from tasks.clusters.http import ClusterHttp
from tasks.clusters.objects import Wire
from tasks.clusters.paging import Page, read_all
from tasks.http.response import Answer

Shape = TypeVar("Shape", bound=Wire)

_LONGEST = 200
_LONGEST_READ = 5_000
_CREDENTIALS = re.compile(r"//[^/\s@]+@|(?<=password=)\S+|(?<=passwd=)\S+", re.IGNORECASE)


@dataclass(frozen=True)
class Where:
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
        within = ("namespaces", self.namespace) if self.namespace else ()
        parts = (*self.api.split("/"), *within, self.kind, self.name)
        return "".join(f"/{quote(part, safe='')}" for part in parts if part)

    @property
    def right(self) -> str:
        """The right it takes, as a person would grant it."""
        if not self.kind:
            return f'may not get {self.path}: bind the ClusterRole "system:discovery"'
        verb = "get" if self.name else "list"
        named = f'{self.kind} "{self.name}"' if self.name else self.kind
        where = f" in namespace {self.namespace}" if self.namespace else ""
        group = self.api.removeprefix("api").removeprefix("s/").rpartition("/")[0]
        within = f' of apiGroup "{group}"' if group else ""
        return f'may not {verb} {named}{where}: grant the verb "{verb}" on "{self.kind}"{within}'


class Reader:
    """Reads lists and objects of one cluster.

    Args:
        http: sends requests.
    """

    def __init__(self, http: ClusterHttp) -> None:
        self._http = http

    @property
    def cluster(self) -> str:
        """The name of the cluster."""
        return self._http.cluster

    async def listed(
        self, where: Where, shape: type[Shape], query: Mapping[str, str] | None = None
    ) -> list[Shape]:
        """List all; see `read_all`.

        Raises:
            ClusterError: it could not be read completely; NotFound if there is no such kind here.
        """
        return await read_all(
            self._http,
            where.path,
            Page[shape],  # type: ignore[valid-type]
            lambda item: item,
            query=query or {},
            refused=lambda answer: self._refused(where, answer),
        )

    async def got(self, where: Where, shape: type[Shape]) -> Shape:
        """Get one object.

        Raises:
            ClusterError: it could not be read; NotFound if it is not there.
        """
        answer = await self._http.get(where.path)
        if answer.status != 200:
            raise self._refused(where, answer)
        return api_errors.parse(self.cluster, answer, shape)

    def _refused(self, where: Where, answer: Answer) -> ClusterError:
        error = api_errors.error_of(self.cluster, answer)
        if error.reason is not Reason.FORBIDDEN:
            return error
        return ClusterError(self.cluster, "GET", where.path, where.right, error.reason)


async def seen_or_not(
    reading: Coroutine[Any, Any, list[ManagedHarbor]],
) -> Seen[ManagedHarbor] | Unseen:
    """Turn a failed look into a section that says so."""
    try:
        return Seen(items=tuple(await reading))
    except ClusterError as error:
        return Unseen(reason=error.reason, message=error.said)


def readable(shape: type[Shape], raw: object, where: str) -> tuple[Shape, str]:
    """Read what can be read of a part that nobody validated; all its fields must have defaults.

    Returns:
        The part without what is unreadable, and what that is; empty if all can be read.
    """
    kept, wrong = dict(raw) if isinstance(raw, dict) else {}, ""
    if raw is not None and not isinstance(raw, dict):
        wrong = f"{where} is unreadable (no object)"
    while True:
        try:
            return shape.model_validate(kept), wrong
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            field = ".".join(str(step) for step in first["loc"])[:100]
            wrong = wrong or f"{where}.{field} is unreadable ({first['type']})"
            del kept[str(first["loc"][0])]


def retold(text: str) -> str:
    """Shorten what somebody else says, and take out what looks like credentials."""
    line = " ".join(text.split())
    if len(line) > _LONGEST_READ:  # at a space, so that no half of a credential is left
        line = line[:_LONGEST_READ].rpartition(" ")[0] + "…"
    plain = _CREDENTIALS.sub("…", line)
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"
