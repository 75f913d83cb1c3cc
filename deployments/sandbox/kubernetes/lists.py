"""Lists, page by page: all pages show one state, until that is compacted.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
"""

import base64
import json
from collections import OrderedDict

from deployments.sandbox.asgi import Reply, Request
from deployments.sandbox.kubernetes import refusals
from deployments.sandbox.kubernetes.refusals import bad_request, reply
from deployments.sandbox.kubernetes.world import SINGLE, Json, World

_STATES = 20
"""How many states are kept for further pages."""

_SELECTOR = "metadata.name"
_STRANGE = "server does not recognize this encoded version "
_GARBLED = "illegal base64 data at input byte 4"


def selected_name(request: Request) -> str:
    """Read the one name that a field selector asks for; empty if it asks for none.

    Raises:
        Refused: it selects by something else, which is not emulated.
    """
    selector = request.first("fieldSelector")
    key, _, name = selector.replace("==", "=").partition("=")
    if selector and key != _SELECTOR:
        raise bad_request(f'"{key}" is not a known field selector: only "{_SELECTOR}"')
    return name


class Lists:
    """Answers lists."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._states: OrderedDict[tuple[str, str], list[Json]] = OrderedDict()

    def answer(self, request: Request, kind: str, namespace: str) -> Reply:
        """Answer one page.

        Raises:
            Refused: the continue token makes no sense, or its state is gone.
        """
        limit, more = request.first("limit") or "0", request.first("continue")
        if not limit.isdigit():
            raise bad_request(f'strconv.ParseInt: parsing "{limit}": invalid syntax')
        if more:
            version, start = self._read(more)
            items = self._state(request, kind, namespace, version, start)
        else:
            version, start = self._world.version, 0
            items = self._matching(request, kind, namespace)
        metadata: Json = {"resourceVersion": str(version)}
        end = start + int(limit) if int(limit) else len(items)
        if end < len(items):
            self._keep((request.path, str(version)), items)
            metadata["continue"] = _token(version, end)
            if not request.first("fieldSelector"):
                metadata["remainingItemCount"] = len(items) - end
        head = {"kind": f"{SINGLE[kind]}List", "apiVersion": "v1", "metadata": metadata}
        return reply(200, {**head, "items": items[start:end]})

    def _matching(self, request: Request, kind: str, namespace: str) -> list[Json]:
        name = selected_name(request)
        found = self._world.all(kind, namespace)
        return [one for one in found if not name or one["metadata"]["name"] == name]

    def _state(
        self, request: Request, kind: str, namespace: str, version: int, start: int
    ) -> list[Json]:
        """Find the state that a token continues; -1 is whatever is there now."""
        if version < 0:
            return self._matching(request, kind, namespace)
        found = self._states.get((request.path, str(version)))
        if found is None or version <= self._world.compacted:
            raise refusals.expired(_token(-1, start))
        return found

    def _keep(self, key: tuple[str, str], items: list[Json]) -> None:
        self._states[key] = items
        while len(self._states) > _STATES:
            self._states.popitem(last=False)

    @staticmethod
    def _read(token: str) -> tuple[int, int]:
        why = _GARBLED
        try:
            found = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
            why = _STRANGE
            return int(found["rv"]), int(found["start"])
        except (ValueError, KeyError, TypeError):
            said = f"invalid continue token: continue key is not valid: {why}"
            raise bad_request(said) from None


def _token(version: int, start: int) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": start})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
