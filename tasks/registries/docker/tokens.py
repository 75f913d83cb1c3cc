"""Request bearer tokens from the token service of a Docker Registry.

Specification: https://distribution.github.io/distribution/spec/auth/token/ and
https://distribution.github.io/distribution/spec/auth/oauth/
"""

from collections.abc import Mapping

from models.core.errors import Forbidden, Rejected, RemoteError, ServerError, Unauthorized
from models.core.reasons import Reason
from models.registries.address import parse_address
from models.registries.registry import Registry
from tasks.http.client import HttpClient
from tasks.http.response import Response
from tasks.registries.docker import wire
from tasks.registries.docker.challenge import Challenge, TokenEndpoint, parse_realm
from tasks.registries.protocol import Credential
from tasks.registries.wire import parse_json, raise_for_status

_NOT_ALLOWED = 405
_CLIENT_ID = "registry-integration"

REFUSALS = (Unauthorized, Forbidden, Rejected)
"""Errors of a token service that refuses the credential or the scope."""


class TokenService:
    """The token service that a challenge names.

    Args:
        http: HTTP client of the registry.
        registry: the registry, with the token service that may receive the credential.
        credential: credential to send; None requests anonymous tokens.
        challenge: the Bearer challenge.
    """

    def __init__(
        self,
        http: HttpClient,
        registry: Registry,
        credential: Credential | None,
        challenge: Challenge,
    ) -> None:
        self.endpoint: TokenEndpoint = parse_realm(challenge.realm, registry.address)
        self.challenge = challenge
        self._http, self._registry, self._credential = http, registry, credential

    @property
    def is_trusted(self) -> bool:
        """Whether the credential may be sent to it: own origin, or the one set by a person."""
        try:
            canonical = parse_address(self.endpoint.origin).origin
        except ValueError:
            return False
        return canonical in (self._registry.address, self._registry.token_service)

    async def request_token(self, scope: str) -> str:
        """Request a token.

        Args:
            scope: scope to request; empty requests none.

        Raises:
            Unauthorized, Forbidden, Rejected: the service refuses the credential or the scope.
            RemoteError: it did not answer with a token; the reason is TokenServiceUnreachable if
                a retry may succeed.
        """
        try:
            response = await self._send(scope)
            token = parse_json(raise_for_status(response), wire.TOKEN_ADAPTER)
        except REFUSALS:
            raise
        except RemoteError as error:
            raise self._service_error(error) from None
        if not token.bearer:
            message = "answered 200 without a token"
            raise self._service_error(
                ServerError(self._http.target, response.method, response.url, message)
            )
        return token.bearer

    async def _send(self, scope: str) -> Response:
        parameters = {"service": self.challenge.service, "scope": scope}
        parameters = {name: value for name, value in parameters.items() if value}
        headers = self._credential.basic_auth_headers if self._credential else None
        response = await self._http.send(
            "GET",
            self.endpoint.path,
            query={**self.endpoint.query, **parameters},
            headers=headers,
            origin=self.endpoint.origin,
        )
        if response.status != _NOT_ALLOWED or self._credential is None:
            return response
        return await self._post({**parameters, **self._password_form(self._credential)})

    async def _post(self, form: Mapping[str, str]) -> Response:
        return await self._http.send(
            "POST",
            self.endpoint.path,
            query=self.endpoint.query,
            form=form,
            origin=self.endpoint.origin,
        )

    def _password_form(self, credential: Credential) -> Mapping[str, str]:
        return {
            "grant_type": "password",
            "client_id": _CLIENT_ID,
            "username": credential.username,
            "password": credential.password.get_secret_value(),
        }

    def _service_error(self, error: RemoteError) -> RemoteError:
        is_broken = error.transient or isinstance(error, ServerError)
        return RemoteError(
            error.target,
            error.method,
            error.url,
            f"the token service {self.endpoint.origin}: {error.message}",
            Reason.TOKEN_SERVICE_UNREACHABLE if is_broken else error.reason,
            status=error.status,
            retry_after=error.retry_after,
        )
