"""Lists, page by page: all pages show one state, until that is compacted.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
"""

import base64
import json
from collections import OrderedDict

from deployments.simulators.asgi import Reply, Request
from deployments.simulators.kubernetes import errors
from deployments.simulators.kubernetes.errors import bad_request, reply
from deployments.simulators.kubernetes.labels import selects
from deployments.simulators.kubernetes.object_store import HARBORS, Json, World
from deployments.simulators.kubernetes.target import Target

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

    def answer(self, request: Request, target: Target) -> Reply:
        """Answer one page.

        Raises:
            Refused: the continue token makes no sense, or its state is gone.
        """
        limit, more = request.first("limit") or "0", request.first("continue")
        if not limit.isdigit():
            raise bad_request(f'strconv.ParseInt: parsing "{limit}": invalid syntax')
        if more:
            version, start = self._read(more)
            items = self._state(request, target, version, start)
        else:
            version, start = self._world.version, 0
            items = self._matching(request, target)
        metadata: Json = {"resourceVersion": str(version)}
        shown, end = _page(items, start, int(limit), request.first("labelSelector"))
        if end < len(items):
            self._keep((_asked(request), str(version)), items)
            metadata["continue"] = _token(version, end)
            if not request.first("fieldSelector") and not request.first("labelSelector"):
                metadata["remainingItemCount"] = len(items) - end
        if target.kind == HARBORS:  # a built-in kind's items do not say what they are
            metadata.setdefault("continue", "")
            shown = [{**target.head, **one} for one in shown]
        head = {**target.head, "kind": f"{target.head['kind']}List", "metadata": metadata}
        return reply(200, {**head, "items": shown})

    def _matching(self, request: Request, target: Target) -> list[Json]:
        name = selected_name(request)
        found = self._world.all(target.kind, target.namespace)
        return [one for one in found if not name or one["metadata"]["name"] == name]

    def _state(self, request: Request, target: Target, version: int, start: int) -> list[Json]:
        """Find the state that a token continues; -1 is whatever is there now."""
        if version < 0:
            return self._matching(request, target)
        found = self._states.get((_asked(request), str(version)))
        if found is None or version <= self._world.compacted:
            raise errors.expired(_token(-1, start))
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


def _page(items: list[Json], start: int, limit: int, selector: str) -> tuple[list[Json], int]:
    """Take as many as fit, and say where the next page begins.

    What the labels leave out is left out here: after a full page the real one does not know
    whether more will match either, and its last page may be empty.
    """
    selects(selector, {})  # a senseless one is refused, whatever there is
    shown: list[Json] = []
    for place, one in enumerate(items[start:], start):
        if limit and len(shown) == limit:
            return shown, place
        if selects(selector, one["metadata"].get("labels", {})):
            shown.append(one)
    return shown, len(items)


def _asked(request: Request) -> str:
    """What all pages of a list have in common."""
    selectors = (request.first("fieldSelector"), request.first("labelSelector"))
    return "?".join((request.path, *selectors))


def _token(version: int, start: int) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": start})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
