"""Serve the console: `python -m deployments.console`. Several can run at once."""

import sys

import uvicorn
from prefect.logging.configuration import setup_logging
from prefect.settings import get_current_settings
from uvicorn.config import LOGGING_CONFIG

from deployments.console.app import create_app
from deployments.console.settings import ConsoleSettings
from deployments.data_dir import check_complete
from models.core.errors import InvalidRequest
from models.core.settings import get_settings


def main() -> int:
    """Serve until SIGTERM or Ctrl-C."""
    settings = ConsoleSettings()
    try:
        check_complete(get_settings().data_dir)
        if not get_current_settings().api.url:
            raise InvalidRequest("PREFECT_API_URL is not set: the console starts runs there")
        app = create_app(settings)
    except InvalidRequest as error:
        print(f"The console did not start: {error}", file=sys.stderr)
        return 1
    logs_json = get_settings().log_format == "json"
    if logs_json:
        setup_logging()
    uvicorn.run(
        app,
        log_config=None if logs_json else LOGGING_CONFIG,
        host=settings.host,
        port=settings.port,
        proxy_headers=False,  # only deployments.console.security.proxies reads them
        server_header=False,
        access_log=False,  # addresses contain names
        log_level="warning",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
