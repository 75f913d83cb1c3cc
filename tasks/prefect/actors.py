"""Who started a flow run: sign it for a new run, and read it in the run."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import uuid4

from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext

from models.core.runs.actor import (
    SIGNATURE_LIFETIME,
    RunOrigin,
    SignedActor,
    digest_parameters,
    sign,
)

ACTOR_LABEL = "registry-integration.actor"
"""Label of a flow run with its signed actor; the lists of the Prefect UI show tags only."""

_SCHEDULE, _AUTOMATION = "SCHEDULE", "AUTOMATION"
"""Values of `created_by.type` that the Prefect server sets."""


class SignedRun(NamedTuple):
    """What a new flow run is created with, besides its parameters.

    Attributes:
        idempotency_key: Prefect creates at most one run of a flow with it.
        labels: labels of the flow run.
    """

    idempotency_key: str
    labels: dict[str, str]


def sign_run(
    flow: str,
    parameters: Mapping[str, Any],
    person: str,
    now: datetime,
    key: bytes,
    *,
    idempotency_key: str | None = None,
) -> SignedRun:
    """Sign the name of the user who starts a run.

    Args:
        flow: name of the flow.
        parameters: all parameters of the run as JSON values, with the defaults of the deployment:
            as the Prefect server will store them.
        person: name of the user.
        now: the current time.
        key: the console's key, see `tasks.secrets.console_key`.
        idempotency_key: see `SignedRun`; None for a random one.
    """
    idempotency_key = idempotency_key or f"console {uuid4()}"
    actor = SignedActor(
        person=person,
        flow=flow,
        parameters_digest=digest_parameters(parameters),
        idempotency_key=idempotency_key,
        expires_at=now + SIGNATURE_LIFETIME,
    )
    return SignedRun(idempotency_key, {ACTOR_LABEL: sign(actor, key)})


def current_run_origin() -> RunOrigin | None:
    """Return the origin of the current flow run; None outside of a flow run."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return None
    return read_run_origin(context.flow.name if context.flow else "", context.flow_run)


def read_run_origin(flow: str, flow_run: FlowRun) -> RunOrigin:
    """Return the origin of a flow run, as the Prefect server has stored it."""
    creator = flow_run.created_by
    name = (creator.display_value or "") if creator else ""
    signature = str(flow_run.labels.get(ACTOR_LABEL, ""))
    return RunOrigin(
        flow=flow,
        parameters_digest=digest_parameters(flow_run.parameters) if signature else "",
        idempotency_key=flow_run.idempotency_key or "",
        created_at=flow_run.created,
        is_restart=flow_run.run_count > 1,
        signature=signature,
        schedule=name if creator and creator.type == _SCHEDULE else None,
        automation=name if creator and creator.type == _AUTOMATION else None,
    )
