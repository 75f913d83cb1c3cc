"""A formatter for log collectors: one JSON object per line."""

import json
import logging
from datetime import UTC, datetime

from prefect.context import FlowRunContext

from tasks.lease_key import current_lease_key

_EXTRA_FIELDS = ("registry", "flow_run_id", "flow_run_name", "task_run_id", "request_id")
"""Fields that Prefect or a request add to a record."""


class JsonFormatter(logging.Formatter):
    """Format a record as one line of JSON: time (UTC), level, logger, message, and what is known.

    A record has `registry` (or `cluster`) while its run holds that lease, Prefect's ids of the run
    in which it was made, `request_id` if it is about a request to a registry that answered with
    one, and the traceback as `error`.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a message with line breaks stays one line."""
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_lease_fields(),
            **_run_fields(),
        }
        for name in _EXTRA_FIELDS:
            if value := getattr(record, name, None):
                fields[name] = str(value)
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return json.dumps(fields)  # ASCII: an encoding of stderr cannot break a line


def _run_fields() -> dict[str, str]:
    # Prefect adds them to records of its own loggers only.
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return {}
    return {"flow_run_id": str(context.flow_run.id), "flow_run_name": context.flow_run.name}


def _lease_fields() -> dict[str, str]:
    _, slash, name = current_lease_key.get().rpartition("/")
    if not name:
        return {}
    return {"cluster" if slash else "registry": name}
