"""The console as an ASGI application: its routes and its middleware."""

from datetime import timedelta
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from deployments.console.context import Console
from deployments.console.errors import EXCEPTION_HANDLERS, UnexpectedErrors
from deployments.console.pages import (
    audit,
    clusters,
    configuration,
    explain,
    health,
    login,
    metrics,
    overview,
    registry,
    registry_actions,
    registry_edit,
    registry_new,
    runs,
    workspace_actions,
    workspaces,
)
from deployments.console.rendering import make_environment
from deployments.console.security.csrf import form_route
from deployments.console.security.devices import DeviceCookies
from deployments.console.security.headers import SecurityHeaders
from deployments.console.security.login import RequireUser
from deployments.console.security.sessions import SessionCookies
from deployments.console.settings import ConsoleSettings
from deployments.console.silence import WatchSilence
from tasks.secrets.console_key import ensure_console_key

_STATIC_DIR = Path(__file__).parent / "static"


def routes() -> list[BaseRoute]:
    """Return all routes; those of forms are checked against forged requests."""
    return [
        Route("/login", login.show),
        form_route("/login", login.log_in, needs_token=False),
        form_route("/logout", login.log_out),
        Route("/healthz", health.is_alive),
        Route("/readyz", health.is_ready),
        Route("/metrics", metrics.show),
        Route("/", overview.show),
        Route("/registries/-/new", registry_new.show),
        form_route("/registries/-/new", registry_new.submit),
        Route("/audit", audit.show),
        Route("/audit.csv", audit.export_csv),
        Route("/audit.json", audit.export_json),
        Route("/configuration.yaml", configuration.export),
        Route("/clusters", clusters.show_all),
        Route("/clusters/-/new", clusters.show_form),
        form_route("/clusters/-/new", clusters.register),
        Route("/clusters/{name}", clusters.show),
        form_route("/clusters/{name}/sync", clusters.sync),
        form_route("/clusters/{name}/remove", clusters.remove),
        form_route("/clusters/{name}/adopt", clusters.adopt),
        form_route("/clusters/{name}/exclude", clusters.exclude),
        Route("/explain", explain.show),
        form_route("/explain", explain.start_explanation),
        Route("/runs/{run_id}", runs.show),
        form_route("/runs/{run_id}/cancel", runs.cancel),
        form_route("/runs/{run_id}/now", runs.apply_preview),
        *_registry_routes(),
        *_workspace_routes(),
        Mount("/static", StaticFiles(directory=_STATIC_DIR), name="static"),
    ]


def _registry_routes() -> list[BaseRoute]:
    page = "/registries/{name}"
    return [
        Route(page, registry.show),
        Route(f"{page}/edit", registry_edit.show),
        form_route(f"{page}/edit", registry_edit.submit),
        form_route(f"{page}/bind", registry_actions.bind),
        form_route(f"{page}/unbind", registry_actions.unbind),
        form_route(f"{page}/public", registry_actions.make_public),
        form_route(f"{page}/private", registry_actions.make_private),
        form_route(f"{page}/spaces", registry_actions.create),
        form_route(f"{page}/reconcile", registry_actions.reconcile),
        form_route(f"{page}/rotate", registry_actions.rotate),
        form_route(f"{page}/held", registry_actions.resolve_held),
        form_route(f"{page}/remove", registry_actions.remove),
    ]


def _workspace_routes() -> list[BaseRoute]:
    page = "/workspaces/{name}"
    return [
        Route("/workspaces", workspaces.show_list),
        Route("/workspaces/-/new", workspace_actions.show_new),
        form_route("/workspaces/-/new", workspace_actions.create),
        Route(page, workspaces.show),
        Route(f"{page}/edit", workspace_actions.show_edit),
        form_route(f"{page}/edit", workspace_actions.edit),
        form_route(f"{page}/bind", workspace_actions.bind),
        form_route(f"{page}/unbind", workspace_actions.unbind),
        form_route(f"{page}/remove", workspace_actions.remove),
    ]


def create_app(settings: ConsoleSettings) -> Starlette:
    """Return the application.

    Raises:
        InvalidRequest: the key or the password cannot be read, or settings contradict each other.
    """
    settings.check()
    key = ensure_console_key()
    cookies = SessionCookies(key, timedelta(hours=settings.session_hours))
    app = Starlette(
        routes=routes(),
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(UnexpectedErrors),
            Middleware(RequireUser),
            Middleware(WatchSilence),
        ],
        exception_handlers=EXCEPTION_HANDLERS,
    )
    app.state.console = Console(settings, cookies, DeviceCookies(key), make_environment())
    return app
