"""Prove that new secrets work before the old ones go."""

from prefect import get_run_logger

from models.access.robot_state import AccessRecord
from models.core.errors import InputRefused
from models.core.settings import settings
from tasks.concurrency import Deadline, OverTime
from tasks.registries.protocol import Credential, RegistryClient
from tasks.secrets.robot_secrets import open_vault, secrets_of


async def proved(record: AccessRecord, client: RegistryClient) -> AccessRecord:
    """Return a record in which a workspace counts as served only if its new secret is accepted.

    One whose secret is refused for certain needs yet another.

    Asked only while an older robot account waits to be retired.
    """
    waiting = [grant for grant in record.waiting if grant.workspace in record.served]
    if not waiting:
        return record
    try:
        secrets = await secrets_of(record.registry, waiting, await open_vault())
    except InputRefused as error:
        get_run_logger().warning("No robot account is retired: %s", error)
        return record.model_copy(update={"served": frozenset()})
    answers: dict[bool | None, set[str]] = {True: set(), False: set(), None: set()}
    end = Deadline("trying the new secrets", settings().operation_seconds)
    try:
        for grant in waiting:
            secret = secrets.get(grant.robot_id)
            login = Credential(grant.login, secret) if secret else None
            found = await end.run(client.accepts(login)) if login else False
            answers[found].add(grant.workspace)
    except OverTime as over:
        get_run_logger().warning("Not every robot account that could be is retired: %s", over)
    update = {"served": frozenset(answers[True]), "refused": frozenset(answers[False])}
    return record.model_copy(update=update)
