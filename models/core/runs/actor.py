"""Who started a run.

The console signs the name of the user. The signature is valid for one flow run: it covers the flow,
the parameters and the run's idempotency key, of which Prefect creates at most one run per flow.
Nothing is authorized by it: who is recorded in the audit, and no more.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError

from models.core.base import FrozenModel
from models.core.text import to_single_line

MAX_NAME_LENGTH = 200
"""Maximum length of the name of an actor, in characters; longer names are cut."""

SIGNATURE_LIFETIME = timedelta(minutes=5)
"""How long after the signature the run may be created; it may start later."""

_MAX_SIGNATURE_LENGTH = 4_000

_SIGNATURE_CONTEXT = b"registry-integration actor 1\n"
"""Precedes each signed payload: no other signature with the same key is one of an actor."""


class ActorKind(StrEnum):
    """What starts runs."""

    PERSON = "person"
    SCHEDULE = "schedule"
    EVENT = "event"
    API = "api"


class Actor(FrozenModel):
    """Who started a run.

    Attributes:
        kind: what it is; `API` is everything else: a run that was started in the Prefect UI, by its
            API or CLI, and a run with an invalid signature.
        name: name of the user in the console, slug of the schedule, or name of the automation;
            empty for `API`.
    """

    kind: ActorKind = ActorKind.API
    name: Annotated[
        str, BeforeValidator(lambda text: to_single_line(str(text), MAX_NAME_LENGTH))
    ] = ""

    def __str__(self) -> str:
        """Return the actor as the audit has it: `person:alice`, `schedule:every-minute`, `api`."""
        return f"{self.kind}:{self.name}" if self.name else self.kind.value


class RunOrigin(FrozenModel):
    """What Prefect tells about the origin of a flow run.

    Attributes:
        flow: name of the flow.
        parameters_digest: see `digest_parameters`; only needed with a signature.
        idempotency_key: the key that the run was created with; empty without one.
        created_at: when the Prefect server created the run; None if it is not known.
        is_restart: whether the run was started before. Whoever starts it again is not known.
        signature: see `sign`; empty without one.
        schedule: slug or type of the schedule that created the run; None if none did.
        automation: name of the automation that created the run; None if none did.
    """

    flow: str
    parameters_digest: str
    idempotency_key: str = ""
    created_at: datetime | None = None
    is_restart: bool = False
    signature: str = ""
    schedule: str | None = None
    automation: str | None = None


class SignedActor(FrozenModel):
    """What the console signs.

    Attributes:
        person: name of the user.
        flow, parameters_digest, idempotency_key: the run, see `RunOrigin`.
        expires_at: the run must be created before.
    """

    person: Annotated[str, Field(min_length=1)]
    flow: str
    parameters_digest: str
    idempotency_key: str
    expires_at: datetime


def digest_parameters(parameters: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the parameters of a flow run, in a form without order and spaces.

    Args:
        parameters: all parameters, as JSON values.
    """
    text = json.dumps(dict(parameters), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def sign(actor: SignedActor, key: bytes) -> str:
    """Return the actor with its signature (HMAC-SHA256), as text for a label of the flow run."""
    payload = actor.model_dump_json().encode()
    return f"{_encode(payload)}.{_encode(_mac(payload, key))}"


def identify_actor(origin: RunOrigin, key: bytes | None) -> Actor:
    """Return who started a run.

    Args:
        origin: what Prefect tells about the run.
        key: the console's key; None if this process has none, then no signature is valid.
    """
    person = _verify(origin, key) if key and origin.signature else None
    if person is not None:
        return Actor(kind=ActorKind.PERSON, name=person)
    if origin.schedule is not None:
        return Actor(kind=ActorKind.SCHEDULE, name=origin.schedule)
    if origin.automation is not None:
        return Actor(kind=ActorKind.EVENT, name=origin.automation)
    return Actor()


def _verify(origin: RunOrigin, key: bytes) -> str | None:
    """Return the person who started exactly this run; None if the signature is not valid for it."""
    signed = _read(origin.signature, key)
    if signed is None or origin.is_restart or origin.created_at is None:
        return None
    is_same_run = (
        signed.flow == origin.flow
        and signed.parameters_digest == origin.parameters_digest
        and signed.idempotency_key == origin.idempotency_key != ""
    )
    return signed.person if is_same_run and origin.created_at < signed.expires_at else None


def _read(signature: str, key: bytes) -> SignedActor | None:
    if len(signature) > _MAX_SIGNATURE_LENGTH:
        return None
    payload_text, _, mac_text = signature.partition(".")
    try:
        payload, mac = _decode(payload_text), _decode(mac_text)
        if not hmac.compare_digest(mac, _mac(payload, key)):
            return None
        return SignedActor.model_validate_json(payload)
    except (ValueError, ValidationError):
        return None


def _mac(payload: bytes, key: bytes) -> bytes:
    return hmac.new(key, _SIGNATURE_CONTEXT + payload, hashlib.sha256).digest()


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
