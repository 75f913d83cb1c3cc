"""A world that changes all the time; requests of users are runs of the served product."""

import random
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

import httpx
from sqlmodel import Session

from models.access.binding import Binding
from models.registries.space import Visibility
from tasks.store.access import bindings
from tasks.store.installation import get_installation
from tasks.store.registries import spaces
from tasks.store.session import run_in_transaction
from tests.deploying.prefect_api import FINAL_STATES, Api
from tests.support.random_events import (
    ProjectIdentity,
    TrackedPlatform,
    project_identity,
    to_milliseconds,
)
from tests.support.random_platform import CLUSTERS, HARBOR, WORKSPACES, SharedServers

PASSWORD = "Harbor12345"
SPACES, NAMESPACES = ("a", "b", "c"), ("n1", "n2", "n3")
_MAX_SECONDS = 300.0
_METHODS = (None, "GET", "POST", "PUT", "DELETE", "PATCH")


class SoakPlatform(TrackedPlatform):
    """A Harbor and two clusters beside a served product, which all runs belong to.

    Attributes:
        run_counts: how many runs that users started ended in each state.
        events: how many events there were of each kind.
        messages: of the last runs that failed.
    """

    def __init__(self, servers: SharedServers, seed: int, api: Callable[[], Api]) -> None:
        self.chance = random.Random(seed)
        self._api = api
        self.run_counts: dict[str, int] = {}
        self.events: dict[str, int] = {}
        self.messages: deque[str] = deque(maxlen=5)
        super().__init__(servers, by_robot=False, links=True)

    def _register(self, session: Session) -> str:
        return get_installation(session)

    def integrate(self) -> None:
        """Integrate the Harbor, register the clusters and create the workspaces."""
        api = self._api()
        block = api.save_block("registry-credentials", "hub", username="admin", password=PASSWORD)
        registry = {"type": "harbor", "address": self.url}
        api.run("integrate-registry", name=HARBOR, registry=registry, credentials=block)
        for name in CLUSTERS:
            kubeconfig = self.clusters[name].kubeconfig
            block = api.save_block("cluster-credentials", name, kubeconfig=kubeconfig)
            api.run("register-cluster", name=name, credentials=block)
        for name in WORKSPACES:
            api.run("create-workspace", name=name)
        self.installation = run_in_transaction(get_installation)

    def change(self) -> None:
        """Let one thing happen; most of them in the registry or in a cluster, by hand."""
        chance = self.chance
        space, workspace = chance.choice(SPACES), chance.choice(WORKSPACES)
        cluster, namespace = chance.choice(CLUSTERS), chance.choice(NAMESPACES)
        label = chance.choice((None, *WORKSPACES))
        number, is_public = chance.randrange(3), chance.random() < 0.5
        method, after = chance.choice(_METHODS), chance.randrange(12)
        server, times = chance.choice((HARBOR, *CLUSTERS)), chance.choice((1, 2, 3, 9))
        events: dict[str, tuple[Any, ...]] = {
            "bind": (space, workspace),
            "unbind": (space, workspace),
            "wish": (space, is_public),
            "make_space": (space, is_public),
            "drop_space": (space,),
            "make_again": (space,),
            "flip": (space,),
            "delete_robot": (number,),
            "disable_robot": (number,),
            "refresh_secret": (number,),
            "widen_robot": (number, space),
            "narrow_robot": (number,),
            "remark_robot": (number,),
            "add_namespace": (cluster, namespace, workspace),
            "label": (cluster, namespace, label, None),
            "drop_namespace": (cluster, namespace),
            "delete_secret": (cluster, namespace),
            "edit_secret": (cluster, namespace),
            "unlink": (cluster, namespace),
            "link_other": (cluster, namespace),
            "lose": (server, method, after, times, chance.choice(("before", "after"))),
            "rotate": (workspace,),
        }
        users = ("bind", "bind", "bind", "unbind", "wish", "rotate")
        name = chance.choice((*events, *users))
        self.events[name] = self.events.get(name, 0) + 1
        getattr(self, name)(*events[name])

    # What users request: a run that was killed is started again until its request is on record.

    def bind(self, name: str, workspace: str) -> None:
        """Bind a space that is on record as it is in Harbor, and remember which one that is."""
        project = self.harbor.projects.get(name)
        if project is None:
            return
        identity = project_identity(project)
        self._until_observed(name, identity)
        parameters = {"registry": HARBOR, "spaces": [name], "workspaces": [workspace]}
        self._until(lambda: self._is_bound(name, workspace), "bind-space", **parameters)
        self.bindings[name, workspace] = identity

    def _until_observed(self, name: str, identity: ProjectIdentity) -> None:
        """Reconcile until a project is on record; a few replaced ones are a large change here."""
        self._until(
            lambda: self._recorded_identity(name) == identity,
            "reconcile-registry",
            name=HARBOR,
            allow_large=True,
        )

    def unbind(self, name: str, workspace: str) -> None:
        if (name, workspace) in self.bindings:
            parameters = {"registry": HARBOR, "spaces": [name], "workspaces": [workspace]}
            self._until(
                lambda: self._binding_on_record(name, workspace) is None,
                "unbind-space",
                allow_large=True,
                **parameters,
            )
            del self.bindings[name, workspace]

    def wish(self, name: str, public: bool) -> None:
        project = self.harbor.projects.get(name)
        if project is None:
            return
        identity = project_identity(project)
        self._until_observed(name, identity)
        visibility = Visibility.PUBLIC if public else Visibility.PRIVATE
        self._until(
            lambda: self._recorded_visibility(name) is visibility,
            "set-space-visibility",
            registry=HARBOR,
            names=[name],
            visibility=visibility.value,
            allow_large=True,
        )
        self.desired_visibility[name] = public, project.id

    def rotate(self, workspace: str) -> None:
        """Rotate the secrets of a workspace; a run that is killed is not repeated."""
        self._complete("rotate-credentials", workspace=workspace)

    def _until(self, is_on_record: Callable[[], bool], flow: str, **parameters: Any) -> None:
        deadline = time.monotonic() + _MAX_SECONDS
        while not is_on_record():
            assert time.monotonic() < deadline, f"{flow} {parameters}: {self.messages}"
            self._complete(flow, **parameters)

    def _complete(self, flow: str, **parameters: Any) -> None:
        """Start a run, once whatever becomes of the API, and wait for its end."""
        key, run, deadline = str(uuid4()), "", time.monotonic() + _MAX_SECONDS
        state = "NOT ENDED"
        while time.monotonic() < deadline and state not in FINAL_STATES:
            with suppress(httpx.HTTPError, AssertionError):  # it is being started again
                run = run or self._api().start(flow, parameters, key)
                ended = self._api().request("GET", f"/flow_runs/{run}")["state"]
                state = ended["type"]
                if state == "FAILED":
                    self.messages.append(f"{flow}: {ended['message']}")
            time.sleep(0.3)
        self.run_counts[state] = self.run_counts.get(state, 0) + 1

    def _recorded_identity(self, name: str) -> Any:
        for space in run_in_transaction(spaces.list_spaces, HARBOR):
            if space.name == name and space.missing_since is None and space.created_at:
                return space.remote_id, to_milliseconds(space.created_at)
        return None

    def _recorded_visibility(self, name: str) -> Visibility | None:
        recorded = {space.name: space for space in run_in_transaction(spaces.list_spaces, HARBOR)}
        return recorded[name].desired if name in recorded else None

    def _binding_on_record(self, name: str, workspace: str) -> Binding | None:
        for binding in run_in_transaction(bindings.list_bindings, registry=HARBOR):
            if (binding.space, binding.workspace) == (name, workspace):
                return binding
        return None

    def _is_bound(self, name: str, workspace: str) -> bool:
        binding = self._binding_on_record(name, workspace)
        return binding is not None and not binding.is_held
