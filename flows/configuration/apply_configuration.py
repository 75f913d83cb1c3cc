"""Apply configuration files: plan, show the plan, apply it."""

import re
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field

from flows.configuration.apply_plan import ApplyOptions, ConfigurationResult, apply_plan
from flows.configuration.make_plan import plan_sources
from flows.forms.fields import DryRunField
from flows.forms.schema import form_field
from flows.operations.state_pages import StatePages, publish_and_send, publish_news
from flows.runs import report_errors
from models.configuration.plan import ConfigurationPlan
from models.configuration.scope import Scope
from models.core.errors import InvalidRequest
from models.core.plural import pluralize
from tasks.configuration.files import Sources, read_configured
from tasks.configuration.text import describe_plan, summarize_plan
from tasks.prefect.artifacts import Page, publish_artifact
from tasks.store.publications import delete_publications
from tasks.store.session import in_transaction

MAX_PARAMETER_LENGTH = 500_000
"""Characters of a document; Prefect refuses runs whose parameters have more than 524,288 bytes."""

DEFAULT_NAME = "inline.yaml"
_MAX_NAME_LENGTH = 60
_MAX_FAILURES = 20


PathField = Annotated[
    str,
    Field(max_length=300),
    form_field(
        "Path",
        "A file or folder below CONFIGURATION_DIR of the worker; . is the whole folder. Leave "
        "empty if a document is given.",
    ),
]
DocumentField = Annotated[
    str,
    Field(max_length=MAX_PARAMETER_LENGTH, json_schema_extra={"format": "textarea"}),
    form_field(
        "Document",
        "The YAML document itself. It names credentials, see the docs. Prefect keeps it with the "
        "run: use a path for large documents, and for runs every minute.",
    ),
]
OwnerField = Annotated[
    str,
    Field(max_length=200, pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._/-]*$"),
    form_field("Name", "The file name of the document above: the owner of what it declares."),
]
PruneField = Annotated[
    bool,
    form_field(
        "Prune",
        "Remove what these files own and do not declare any more. Run it with 'Dry run' first.",
    ),
]
AllowLargeField = Annotated[
    bool,
    form_field(
        "Allow a large change",
        "Lift the safety limits for this run: allow it to remove or restrict many things.",
    ),
]


@flow(name="apply-configuration", persist_result=False)
@report_errors
async def apply_configuration(
    path: PathField = "",
    document: DocumentField = "",
    name: OwnerField = DEFAULT_NAME,
    dry_run: DryRunField = False,
    prune: PruneField = False,
    allow_large: AllowLargeField = False,
) -> State[None]:
    """Make registries, spaces, clusters, workspaces and bindings as configuration files declare.

    The artifact `configuration-<name>` lists each change before it is made. What a file declares is
    owned by it: the next run sets right, or reports, what was changed by hand. Only what a file
    owns is ever removed, and only with 'Prune'.
    """
    if document and prune and name == DEFAULT_NAME:
        raise InvalidRequest(
            f"documents of several senders can have the name {DEFAULT_NAME!r}, and 'Prune' would "
            "remove what another one declares: enter a name of its own"
        )
    sources = _read_sources(path, document, name)
    planned = await plan_sources(sources, prune=prune, allow_large=allow_large)
    page = _plan_page(sources.scope, planned.plan)
    if dry_run:
        await publish_artifact(page.key, page.markdown, page.description)
        return _to_state(f"{summarize_plan(planned.plan)}; nothing was changed", planned.plan)
    if planned.plan.changes or planned.plan.errors:
        await publish_news(page)  # before anything changes
    result = await apply_plan(planned, sources, ApplyOptions(prune, allow_large))
    if result.made or result.has_finished:
        await in_transaction(delete_publications, [page.key])  # the same plan would be news
        await publish_and_send(StatePages(overview=True))
    return _final_state(result)


def _read_sources(path: str, document: str, name: str) -> Sources:
    if bool(path) == bool(document):
        raise InvalidRequest("give either a path or a document")
    if path:
        return read_configured(path)
    return Sources({name: document}, Scope(name=name))


def _plan_page(scope: Scope, plan: ConfigurationPlan) -> Page:
    key = re.sub(r"[^a-z0-9]+", "-", scope.name.lower())[-_MAX_NAME_LENGTH:].strip("-")
    text = describe_plan(plan).replace("```", "'''")
    page = f"# Configuration {scope.name}\n\n```\n{text}\n```\n"
    return Page(f"configuration-{key}", page, text, "What the configuration changes")


def _to_state(message: str, plan: ConfigurationPlan) -> State[None]:
    errors = "\n".join(str(error) for error in plan.errors[:_MAX_FAILURES])
    return Failed(message=f"{message}\n{errors}") if errors else Completed(message=message)


def _final_state(result: ConfigurationResult) -> State[None]:
    parts = [f"{pluralize(len(result.made), 'change')} made" if result.made else "nothing to do"]
    if result.has_finished:
        parts.append("what an interrupted run had saved was rolled out")
    if result.remaining.changes:
        parts.append(f"{len(result.remaining.changes)} not made, the next run tries them again")
    parts += result.failures[:_MAX_FAILURES]
    if result.pending:
        parts.append(f"access is {result.pending}")
    message = "; ".join(parts)
    if result.failures or result.remaining.changes:
        errors = "\n".join(str(error) for error in result.remaining.errors[:_MAX_FAILURES])
        return Failed(message=f"{message}\n{errors}".strip())
    return _to_state(message, result.remaining)
