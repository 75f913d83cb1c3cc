"""Gather what explain-access looks at: a few requests, and nothing is changed."""

import asyncio
from contextlib import suppress

from models.access.explain.evidence import ClusterEvidence, Evidence, RegistryEvidence
from models.access.explain.explanation import Question
from models.access.image import Image, first_of
from models.access.rotation import youngest
from models.clusters.cluster import ClusterSnapshot, unseen_cluster
from models.clusters.membership import Namespace, settle_namespaces
from models.clusters.pull_secret import Due
from models.core.availability import Seen
from models.core.errors import (
    ClusterError,
    CredentialNotForOrigin,
    CredentialsMissing,
    CredentialsUnread,
    InputRefused,
    RegistryError,
)
from models.core.reasons import Reason
from models.core.settings import settings
from models.registries.observation import Snapshot
from models.registries.registry import Kind, Registry
from models.registries.schedule import refuses_credentials
from tasks import clock
from tasks.access.pull_secret_contents import Entitlement, entitle
from tasks.clusters.connect import opened_cluster
from tasks.registries.connect import opened
from tasks.registries.observe import observe, unobserved
from tasks.registries.protocol import Credential, RegistryClient
from tasks.secrets.cipher import no_vault
from tasks.secrets.credentials import credentials_of, pick
from tasks.secrets.robot_secrets import open_vault, secrets_of
from tasks.store.access import explain_records
from tasks.store.access.explain_records import ClusterRecord, RegistryRecord
from tasks.store.session import stored


async def gather(cluster: str, namespace: str, image: Image, text: str) -> Evidence:
    """Look at a namespace, then at the registry of an image, and read what is on record.

    Args:
        image: what is asked about; `text` is how it was asked.

    Raises:
        InputRefused: there is no such cluster, or the image can be in no space of its registry.
    """
    record = await stored(explain_records.cluster_record, cluster)
    side = await _look_at_namespace(record, namespace)
    found, known = await stored(explain_records.registry_record, image, side.workspace)
    us = record.installation
    question = Question(
        cluster=cluster,
        namespace=namespace,
        registry=found.dossier.registry.name if found else image.registry,
        space=found.space_name if found else first_of(image),
        image=text,
    )
    registry = await _look_at_registry(found, us) if found else None
    return Evidence(question=question, at=clock.now(), cluster=side, registry=registry, known=known)


async def _look_at_namespace(record: ClusterRecord, namespace: str) -> ClusterEvidence:
    entitlement, unknown = await _entitled()
    look = await _look(record, namespace, entitlement)
    one = _settled(record, look, namespace)
    due, why = _due(entitlement, one)
    return ClusterEvidence(
        cluster=record.known.cluster,
        state=record.known.state,
        look=look,
        namespace=one,
        labels=settings().labels,
        delivery=next(
            (each for each in record.known.deliveries if each.namespace == namespace), None
        ),
        due=due,
        due_unknown=unknown or why,
    )


async def _entitled() -> tuple[Entitlement, str]:
    """Work out what is due everywhere, or say why that cannot be."""
    try:
        return await entitle(), ""
    except InputRefused as refusal:
        return Entitlement({}, {}, {}, no_vault().fingerprint), str(refusal)


async def _look(record: ClusterRecord, namespace: str, entitlement: Entitlement) -> ClusterSnapshot:
    cluster = record.known.cluster
    try:
        async with (
            asyncio.timeout(settings().operation_seconds),
            opened_cluster(
                cluster, fingerprint=entitlement.fingerprint, installation=record.installation
            ) as client,
        ):
            return await client.look_at(namespace, settings().labels)
    except ClusterError as error:
        found = error
    except TimeoutError:
        said = f"the whole look took longer than {settings().operation_seconds:g} s"
        found = ClusterError(cluster.name, "GET", "-", said, Reason.TIMED_OUT)
    return unseen_cluster(cluster.name, found, clock.now())


def _settled(record: ClusterRecord, look: ClusterSnapshot, namespace: str) -> Namespace | None:
    """Say whom the namespace belongs to: by this look, or on record if it could not be read."""
    if not isinstance(look.namespaces, Seen):
        return next((one for one in record.known.namespaces if one.name == namespace), None)
    name = record.known.cluster.name
    settled = settle_namespaces(name, look.namespaces.items, settings().labels, record.listed)
    return next((one for one in settled if one.name == namespace), None)


def _due(entitlement: Entitlement, one: Namespace | None) -> tuple[Due | None, str]:
    if one is None:
        return None, ""
    wish = entitlement.wish([one])
    why = wish.unknown.get(one.name, "")
    return None if why else wish.due.get(one.name), why


async def _look_at_registry(record: RegistryRecord, installation: str) -> RegistryEvidence:
    registry = record.dossier.registry
    accepted: bool | None = None
    try:
        refused = refuses_credentials(record.dossier.conditions)
        async with opened(registry, refused=refused) as client:
            look = await observe.fn(registry, client, installation)
            accepted = await _accepted(client, record, look)
    except RegistryError as error:
        look = unobserved(registry, error)
    return RegistryEvidence(
        dossier=record.dossier,
        look=look,
        space=record.space,
        binding=record.binding,
        grants=record.grants,
        accepted=accepted,
        failure=record.failure,
    )


async def _accepted(client: RegistryClient, record: RegistryRecord, look: Snapshot) -> bool | None:
    """Try the login that namespaces receive; None if there is none, or it cannot be told."""
    registry = record.dossier.registry
    credential = (
        await _robot(record, look) if registry.kind is Kind.HARBOR else await _pull_user(registry)
    )
    return await client.accepts(credential) if credential else None


async def _robot(record: RegistryRecord, look: Snapshot) -> Credential | None:
    """Return the robot account in use, if Harbor shows it and could let it in."""
    grant = next(iter(youngest(record.grants).values()), None)
    shown = look.robots.items if isinstance(look.robots, Seen) else ()
    robot = next((one for one in shown if grant and one.id == grant.robot_id), None)
    if grant is None or robot is None or robot.disabled:
        return None
    try:
        secrets = await secrets_of(grant.registry, [grant], await open_vault())
    except InputRefused:
        return None
    secret = secrets.get(grant.robot_id)
    return Credential(robot.login, secret) if secret else None


async def _pull_user(registry: Registry) -> Credential | None:
    reference = registry.pull_credential
    if reference is None:
        return None
    asked = registry.model_copy(update={"credential": reference})
    with suppress(CredentialsMissing, CredentialsUnread, CredentialNotForOrigin):
        return pick(asked, await credentials_of([asked]))
    return None
