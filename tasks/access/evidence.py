"""Collect the evidence for explain-access with a few read-only requests."""

import asyncio
from contextlib import suppress
from typing import NamedTuple

from models.access.explain.evidence import ClusterEvidence, Evidence, RegistryEvidence
from models.access.explain.explanation import Question
from models.access.image import Image, first_segment
from models.access.rotation import current_robots
from models.clusters.cluster import (
    SERVICE_ACCOUNT_NAME,
    ClusterSnapshot,
    ObservedPod,
    unreachable_cluster_snapshot,
)
from models.clusters.identity import identity_objection
from models.clusters.membership import Namespace, assign_workspaces, keep_misspelled
from models.clusters.pull_secret import DesiredPullSecret
from models.clusters.service_account_choice import ServiceAccountChoice
from models.core.availability import Complete, Unavailable
from models.core.errors import (
    CredentialError,
    InvalidRequest,
    RemoteError,
)
from models.core.reasons import Reason
from models.core.settings import get_settings
from models.registries.observation import Snapshot
from models.registries.registry import Registry
from models.registries.schedule import refuses_credentials
from tasks import clock
from tasks.access import explain_records
from tasks.access.explain_records import ExplainClusterRecord, ExplainRegistryRecord
from tasks.access.pull_secret_contents import PullSecretContents, load_available_contents
from tasks.clusters.connect import open_cluster
from tasks.clusters.protocol import ClusterReader
from tasks.registries.connect import open_registry
from tasks.registries.observe import observe, unreachable_registry_snapshot
from tasks.registries.protocol import Credential, RegistryClient
from tasks.secrets.credentials import pick_credential, read_credentials
from tasks.secrets.robot_secrets import decrypt_secrets, load_cipher
from tasks.store.session import in_transaction


async def collect_evidence(
    cluster: str, namespace: str, image: Image, text: str, *, service_account: str, pod: str
) -> Evidence:
    """Observe a namespace and the registry of an image, and load their records.

    Args:
        cluster: name of the cluster.
        namespace: name of the namespace.
        image: parsed image reference.
        text: the image reference as entered.
        service_account: name of a ServiceAccount; empty for those that the workspace chooses.
        pod: name of a pod, which decides about the ServiceAccount; empty for none.

    Raises:
        InvalidRequest: the cluster is not registered, or the image reference cannot belong to a
            space of its registry.
    """
    record = await in_transaction(explain_records.get_explain_cluster_record, cluster)
    pods = _Pods(service_account=service_account, name=pod)
    cluster_evidence = await _collect_cluster_evidence(record, namespace, pods)
    registry_record, registry_names = await in_transaction(
        explain_records.get_explain_registry_record, image, cluster_evidence.workspace
    )
    installation = record.installation
    question = Question(
        cluster=cluster,
        namespace=namespace,
        registry=registry_record.record.registry.name if registry_record else image.registry,
        space=registry_record.space_name if registry_record else first_segment(image),
        image=text,
        service_account=service_account,
        pod=pod,
    )
    registry = (
        await _collect_registry_evidence(registry_record, installation) if registry_record else None
    )
    return Evidence(
        question=question,
        at=clock.now(),
        cluster=cluster_evidence,
        registry=registry,
        registry_names=registry_names,
    )


class _Pods(NamedTuple):
    """The pods that are asked about: of a ServiceAccount, or one pod by name."""

    service_account: str
    name: str


class _PodEvidence(NamedTuple):
    """What decides whether pods receive the pull secret."""

    choice: ServiceAccountChoice = ServiceAccountChoice()
    service_account: str = SERVICE_ACCOUNT_NAME
    pod: Complete[ObservedPod] | Unavailable | None = None


async def _collect_cluster_evidence(
    record: ExplainClusterRecord, namespace: str, pods: _Pods
) -> ClusterEvidence:
    pull_secret_contents, error = await load_available_contents()
    observation, pod_evidence = await _observe_namespace(
        record, namespace, pull_secret_contents, pods
    )
    namespace_record = _resolve_namespace(record, observation, namespace)
    desired_pull_secret, unresolved_reason = _desired_secret(pull_secret_contents, namespace_record)
    secrets = (secret for secret in record.record.pull_secrets if secret.namespace == namespace)
    return ClusterEvidence(
        cluster=record.record.cluster,
        status=record.record.status,
        snapshot=observation,
        namespace=namespace_record,
        labels=get_settings().workspace_label_keys,
        pull_secret_status=next(secrets, None),
        desired=desired_pull_secret,
        desired_error=error or unresolved_reason,
        choice=pod_evidence.choice,
        service_account=pod_evidence.service_account,
        pod=pod_evidence.pod,
    )


async def _observe_namespace(
    record: ExplainClusterRecord,
    namespace: str,
    pull_secret_contents: PullSecretContents,
    pods: _Pods,
) -> tuple[ClusterSnapshot, _PodEvidence]:
    cluster = record.record.cluster
    try:
        async with (
            asyncio.timeout(get_settings().operation_seconds),
            open_cluster(
                cluster,
                fingerprint=pull_secret_contents.fingerprint,
                installation=record.installation,
                is_own_content=pull_secret_contents.is_own_content,
                recorded_fingerprints=record.record.fingerprints,
            ) as client,
        ):
            objection = identity_objection(cluster, await client.read_uid())
            if objection is not None:
                raise RemoteError(
                    cluster.target, "GET", "-", objection.message, objection.reason, transient=False
                )
            label_keys = get_settings().workspace_label_keys
            snapshot = await client.observe_namespace(namespace, label_keys)
            return await _observe_accounts(record, namespace, client, snapshot, pods)
    except RemoteError as error:
        cluster_error = error
    except TimeoutError:
        message = f"the observation took longer than {get_settings().operation_seconds:g} s"
        cluster_error = RemoteError(
            cluster.target, "GET", "-", message, Reason.TIMED_OUT, transient=False
        )
    return unreachable_cluster_snapshot(cluster.name, cluster_error, clock.now()), _PodEvidence()


async def _observe_accounts(
    record: ExplainClusterRecord,
    namespace: str,
    client: ClusterReader,
    snapshot: ClusterSnapshot,
    pods: _Pods,
) -> tuple[ClusterSnapshot, _PodEvidence]:
    """Return the snapshot with the ServiceAccounts that are asked about, and the pod."""
    namespace_record = _resolve_namespace(record, snapshot, namespace)
    workspace = (namespace_record.workspace if namespace_record else None) or ""
    choice = record.choices.get(workspace, ServiceAccountChoice())
    pod = await client.observe_pod(namespace, pods.name) if pods.name else None
    name = pods.service_account or (SERVICE_ACCOUNT_NAME if choice.is_default else "")
    if isinstance(pod, Complete) and pod.items:
        name = pod.items[0].service_account
    if name != SERVICE_ACCOUNT_NAME or choice.label_keys:
        accounts = await client.observe_service_accounts(namespace, name, choice.label_keys)
        snapshot = snapshot.model_copy(update={"service_accounts": accounts})
    return snapshot, _PodEvidence(choice, name, pod)


def _resolve_namespace(
    record: ExplainClusterRecord, observation: ClusterSnapshot, namespace: str
) -> Namespace | None:
    # If the namespaces could not be read, the record counts.
    if not isinstance(observation.namespaces, Complete):
        return next(
            (candidate for candidate in record.record.namespaces if candidate.name == namespace),
            None,
        )
    name = record.record.cluster.name
    observed, label_keys = observation.namespaces.items, get_settings().workspace_label_keys
    namespaces = keep_misspelled(
        record.record.namespaces,
        assign_workspaces(name, observed, label_keys, record.rules),
        observed,
        label_keys,
        record.rules,
        now=observation.observed_at,
        grace=get_settings().label_grace,
    )
    return next((candidate for candidate in namespaces if candidate.name == namespace), None)


def _desired_secret(
    pull_secret_contents: PullSecretContents, namespace: Namespace | None
) -> tuple[DesiredPullSecret | None, str]:
    if namespace is None:
        return None, ""
    namespace_contents = pull_secret_contents.for_namespaces([namespace])
    reason = namespace_contents.unresolved.get(namespace.name, "")
    return None if reason else namespace_contents.desired.get(namespace.name), reason


async def _collect_registry_evidence(
    record: ExplainRegistryRecord, installation: str
) -> RegistryEvidence:
    registry = record.record.registry
    login_accepted: bool | None = None
    try:
        credential_refused = refuses_credentials(record.record.conditions)
        async with open_registry(registry, credential_refused=credential_refused) as client:
            observation = await observe.fn(registry, client, installation)
            login_accepted = await _try_login(client, record, observation)
    except RemoteError as error:
        observation = unreachable_registry_snapshot(registry, error)
    return RegistryEvidence(
        record=record.record,
        snapshot=observation,
        space=record.space,
        binding=record.binding,
        robots=record.robots,
        login_accepted=login_accepted,
        robot_failure=record.robot_failure,
    )


async def _try_login(
    client: RegistryClient, record: ExplainRegistryRecord, observation: Snapshot
) -> bool | None:
    # None if there is no login to try, or if the result is not conclusive.
    registry = record.record.registry
    credential = (
        await _robot_credential(record, observation)
        if registry.capabilities.has_robot_accounts
        else await _pull_user_credential(registry)
    )
    return await client.can_log_in(credential) if credential else None


async def _robot_credential(
    record: ExplainRegistryRecord, observation: Snapshot
) -> Credential | None:
    # A disabled or missing robot account cannot log in: no attempt is needed.
    account = next(iter(current_robots(record.robots).values()), None)
    robots = observation.robots.items if isinstance(observation.robots, Complete) else ()
    robot = next((robot for robot in robots if account and robot.id == account.robot_id), None)
    if account is None or robot is None or robot.disabled:
        return None
    try:
        secrets = await decrypt_secrets(account.registry, [account], await load_cipher())
    except InvalidRequest:
        return None
    secret = secrets.get(account.robot_id)
    return Credential(robot.login, secret) if secret else None


async def _pull_user_credential(registry: Registry) -> Credential | None:
    reference = registry.pull_credential
    if reference is None:
        return None
    pull_registry = registry.as_pull_user()
    with suppress(CredentialError):
        return pick_credential(pull_registry, await read_credentials([pull_registry]))
    return None
