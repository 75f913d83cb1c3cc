"""Check results of a Docker Registry, without I/O."""

from models.core.errors import NotFound, RemoteError
from models.core.plural import pluralize
from models.core.reasons import Reason
from models.core.text import to_single_line
from models.registries.condition import CheckResult, ConditionStatus, ConditionType
from tasks.http.response import Response
from tasks.registries.docker.challenge import parse_challenges, select_challenge
from tasks.registries.protocol import Credential
from tasks.registries.wire import describe_bad_request, is_web_page

_UNAUTHORIZED = 401
_MAX_NAME_LENGTH = 100


def kind_check(response: Response) -> CheckResult:
    """Return whether the response to an anonymous request for `/v2/` is from a Docker Registry.

    A 401 is judged by its challenge and never by its body: a proxy in front answers with a page.
    """
    failure = _kind_failure(response)
    reason, message, advice = failure or (Reason.SUPPORTED, "this is a Docker Registry", "")
    return CheckResult(
        type=ConditionType.SUPPORTED,
        status=ConditionStatus.FALSE if failure else ConditionStatus.TRUE,
        reason=reason,
        message=message,
        advice=advice,
        # Not confirmed: the maintenance page of a proxy and a truncated response look the same.
        confirmed=reason is not Reason.NOT_A_REGISTRY,
        step="Is it a Docker Registry",
    )


def _kind_failure(response: Response) -> tuple[Reason, str, str] | None:
    header = response.headers.get("www-authenticate", "")
    if any(challenge.is_harbor for challenge in parse_challenges(header)):
        message = "this is a Harbor, not a Docker Registry"
        return Reason.WRONG_KIND, message, "choose the type 'Harbor'"
    if 300 <= response.status < 400:
        target = response.headers.get("location", "").partition("?")[0][:120]
        advice = "use the target address; credentials do not follow redirects"
        return Reason.REDIRECTED, f"the address redirects to {target}", advice
    if response.status == _UNAUTHORIZED and select_challenge(header):
        return None
    if response.status == 200 and not is_web_page(response):
        return None
    return describe_bad_request(response) or (Reason.NOT_A_REGISTRY, *_describe_other(response))


def _describe_other(response: Response) -> tuple[str, str]:
    schemes = [c.scheme for c in parse_challenges(response.headers.get("www-authenticate", ""))]
    if response.status == _UNAUTHORIZED and schemes:
        message = f"/v2/ requires an authentication that is not supported: {', '.join(schemes)}"
        return to_single_line(message, 300), "enable Basic or Bearer authentication"
    if is_web_page(response):
        return "this is a web page, not a registry", "check the address"
    message = f"/v2/ answered {response.status}, which is not valid for a Docker Registry"
    return message, "check the address"


def accepted_check(username: str) -> CheckResult:
    """Return the check result for an accepted credential."""
    message = f"the credentials of {username} are accepted"
    return _authenticated_check(Reason.CREDENTIALS_ACCEPTED, message)


def open_check(credential: Credential | None) -> CheckResult:
    """Return the check result for a registry that answers anonymous requests, too."""
    message = "this registry requires no authentication"
    if credential is not None:
        message += (
            f"; it did not refuse the credentials of {credential.username}, which does not prove "
            "them"
        )
    return _authenticated_check(Reason.NO_AUTHENTICATION, message)


def missing_credentials_check() -> CheckResult:
    """Return the check result for a registry that requires credentials where there are none."""
    return _refused_check(
        Reason.CREDENTIALS_MISSING,
        "this registry requires credentials and none are configured",
        "choose a registry-credentials block",
    )


def bad_credentials_check(credential: Credential) -> CheckResult:
    """Return the check result for a refused credential."""
    message = f"the user name or password is wrong{credential.hint}"
    advice = "correct them in the registry-credentials block"
    return _refused_check(Reason.BAD_CREDENTIALS, message, advice)


def foreign_realm_check(origin: str) -> CheckResult:
    """Return the check result for a token service that may not receive the credential."""
    return _refused_check(
        Reason.FOREIGN_TOKEN_REALM,
        f"the registry requires a token from another host: {origin[:120] or 'no URL'}",
        "if you trust that token service, set it as 'Token service' of this registry",
    )


def rejected_token_check(origin: str, error: str) -> CheckResult:
    """Return the check result for a token that its service issued and the registry refuses.

    Args:
        origin: origin of the token service.
        error: error code of the registry; empty if it names none.
    """
    message = f"the registry refuses the token that {origin} issued"
    advice = "compare issuer, service name, signing certificate and clock of both servers"
    return _refused_check(
        Reason.TOKEN_REJECTED, f"{message} ({error})" if error else message, advice
    )


def token_service_check(error: RemoteError) -> CheckResult:
    """Return the check result for a token service that does not issue tokens."""
    advice = "check the token service; clients cannot pull without it, either"
    check = _refused_check(error.reason, error.message, advice)
    return check.model_copy(update={"confirmed": not error.transient})


def catalog_check(invalid_names: list[str]) -> CheckResult:
    """Return the check result for a catalog that was read completely."""
    message = "the repositories can be listed"
    if invalid_names:
        example = to_single_line(invalid_names[0], _MAX_NAME_LENGTH)
        count = pluralize(len(invalid_names), "invalid name")
        message += f", without {count}, for example {example!r}"
    return _catalog_check(ConditionStatus.TRUE, Reason.CATALOG_READ, message)


def missing_catalog_check(error: RemoteError) -> CheckResult:
    """Return the check result for a registry that does not list its repositories to this user."""
    reason, message = Reason.CATALOG_FORBIDDEN, "the credentials may not list the repositories"
    if isinstance(error, NotFound):
        reason, message = Reason.CATALOG_DISABLED, "the registry does not list its repositories"
    advice = "run create-space with the names of its spaces"
    return _catalog_check(ConditionStatus.FALSE, reason, f"{message}: {advice}")


def _catalog_check(status: ConditionStatus, reason: Reason, message: str) -> CheckResult:
    return CheckResult(type=ConditionType.CATALOG, status=status, reason=reason, message=message)


def _authenticated_check(reason: Reason, message: str) -> CheckResult:
    return CheckResult(
        type=ConditionType.AUTHENTICATED,
        status=ConditionStatus.TRUE,
        reason=reason,
        message=message,
        step="Credentials right",
    )


def _refused_check(reason: Reason, message: str, advice: str) -> CheckResult:
    return _authenticated_check(reason, message).model_copy(
        update={"status": ConditionStatus.FALSE, "advice": advice}
    )
