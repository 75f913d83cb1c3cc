"""Automations that call a webhook on important events; docs/metrics.md says how to turn them on.

They are created paused, once: what a user changes stays, also when the flows are deployed again.
"""

from uuid import UUID

from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import PrefectClient
from prefect.events.actions import CallWebhook
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.exceptions import ObjectNotFound
from pydantic import SecretStr

from models.core.audit import EVENT_DESCRIPTIONS
from models.core.plural import pluralize

EVENTS = (
    "registry.unhealthy",
    "registry.recovered",
    "space.visibility-drifted",
    "grant.failed",
    "secret.failed",
)
"""Events that someone should be told about."""

BLOCK_NAME = "registry-notifications"
"""The Webhook block that all automations call."""

_UNSET_URL = "https://webhook.invalid/"
"""No host has this name (RFC 6761, section 6.4)."""

_PAYLOAD = (
    '{"text": {{ (event.event ~ ": " ~ event.payload.subject ~ '
    '(" (" ~ event.payload.why ~ ")" if event.payload.why else "")) '
    '| replace("&", "&amp;") | replace("<", "&lt;") | replace(">", "&gt;") | tojson }}}'
)
"""What Slack, Mattermost and others accept: https://api.slack.com/messaging/webhooks

A reason can contain words of a server; without the replacements they could mention everybody in a
channel, or show a link: https://api.slack.com/reference/surfaces/formatting#escaping
"""


def automation_name(event: str) -> str:
    """Return the name of the automation for an event."""
    return f"notify: {event}"


async def create_notifications(client: PrefectClient) -> str:
    """Create the automations and their block, as far as they are missing; return a summary."""
    missing = [
        event
        for event in EVENTS
        if not await client.read_automations_by_name(automation_name(event))
    ]
    if not missing:
        return ""
    block_id = await _find_or_create_block(client)
    for event in missing:
        trigger = EventTrigger(
            expect={event},
            for_each={"prefect.resource.id"},
            posture=Posture.Reactive,
            threshold=1,
        )
        automation = AutomationCore(
            name=automation_name(event),
            description=f"Calls the webhook {BLOCK_NAME}: {EVENT_DESCRIPTIONS[event]}.",
            enabled=False,
            trigger=trigger,
            actions=[CallWebhook(block_document_id=block_id, payload=_PAYLOAD)],
        )
        await client.create_automation(automation)
    return f"{pluralize(len(missing), 'notification')} created, paused."


async def _find_or_create_block(client: PrefectClient) -> UUID:
    try:
        slug = Webhook.get_block_type_slug()
        document = await client.read_block_document_by_name(BLOCK_NAME, slug)
    except ObjectNotFound:
        await Webhook.aregister_type_and_schema()
        block = Webhook(url=SecretStr(_UNSET_URL), headers={"Content-Type": "application/json"})
        return await block.asave(BLOCK_NAME)
    return document.id
