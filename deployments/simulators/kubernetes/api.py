"""The API: who asks, what for, and may they; then it is answered.

See https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from deployments.simulators.asgi import (
    Receive,
    Reply,
    Request,
    Scope,
    Send,
    read_request,
    send_reply,
)
from deployments.simulators.kubernetes.errors import Refused, refusal, reply, unserved
from deployments.simulators.kubernetes.groups import answered_groups, asks_for_groups
from deployments.simulators.kubernetes.lists import Lists, selected_name
from deployments.simulators.kubernetes.log import Call, Calls
from deployments.simulators.kubernetes.object_store import HARBORS, World
from deployments.simulators.kubernetes.rights import ANONYMOUS, Rights
from deployments.simulators.kubernetes.target import Target, target_of, verb_of
from deployments.simulators.kubernetes.validation import check_size
from deployments.simulators.kubernetes.writes import Writes, existing


class Api:
    """The ASGI app of a cluster."""

    def __init__(self, world: World, rights: Rights) -> None:
        self.requests = Calls()
        self._world, self._rights = world, rights
        self._lists, self._writes = Lists(world), Writes(world, rights)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = await read_request(scope, receive)
        with self._world.lock:
            try:
                answer = self._answer(request)
            except Refused as error:
                answer = refusal(error)
            self.requests.append(Call(request.method, request.path, answer.status))
        await send_reply(send, answer)

    def _answer(self, request: Request) -> Reply:
        user = self._rights.user(request.headers.get("authorization", ""))
        if user != ANONYMOUS and asks_for_groups(request):
            return answered_groups(self._world, request.path)
        target = target_of(request.path)
        verb = verb_of(request, target)
        name = selected_name(request) if verb == "list" else target.name
        self._rights.check(user, verb, target.kind, target.namespace, name)
        if not self._serves(target):
            return unserved()
        check_size(request.body)
        return self._done(verb, request, target, user)

    def _done(self, verb: str, request: Request, target: Target, user: str) -> Reply:
        match verb:
            case "list":
                return self._lists.answer(request, target)
            case "get":
                return reply(200, {**target.head, **existing(self._world, target)})
            case "create":
                return self._writes.create(request, target)
            case "patch":
                return self._writes.patch(request, target, user)
            case _:
                return self._writes.delete(request, target)

    def _serves(self, target: Target) -> bool:
        versions = self._world.operator if target.kind == HARBORS else ("v1",)
        return target.version in versions
