"""Find out how a Docker Registry wants to be spoken to, and get in without leaking a password."""

import base64
from urllib.parse import urlsplit

from pydantic import Field

from models.core.base import Value
from models.core.errors import ServerBroken, Unauthorized
from models.core.reasons import Reason
from models.registries.address import parse_address
from models.registries.condition import ConditionType, Status, Verdict
from models.registries.registry import Registry
from tasks.http.response import Answer
from tasks.registries.docker import wire
from tasks.registries.http import HttpClient
from tasks.registries.protocol import Credential
from tasks.registries.wire import expect, is_web_page, parse

_CATALOG_SCOPE = "registry:catalog:*"


class Login(Value):
    """How far we got in.

    Attributes:
        verdicts: what it says about health; the first false one is where it ended.
        authorization: what to send as `Authorization`; empty for a registry without auth.
    """

    verdicts: tuple[Verdict, ...]
    authorization: str = Field(default="", repr=False)


async def log_in(http: HttpClient, registry: Registry, credential: Credential | None) -> Login:
    """Knock at `/v2/`, and follow the challenge if there is one.

    Raises:
        RegistryError: no answer, or one that makes no sense.
    """
    knock = await http.get("/v2/", anonymous=True)
    challenge = wire.challenge_of(knock.headers.get("www-authenticate", ""))
    kind = _kind_verdict(knock, challenge)
    if kind.status is Status.FALSE:
        return Login(verdicts=(kind,))
    if knock.status == 200:
        message = "this registry asks nobody for credentials"
        return Login(verdicts=(kind, _authenticated(Reason.NO_AUTHENTICATION, message)))
    if credential is None:
        missing = _refused(
            Reason.CREDENTIALS_MISSING,
            "this registry asks for credentials and none are given",
            "choose a registry-credentials block",
        )
        return Login(verdicts=(kind, missing))
    if challenge.scheme == "bearer":
        return await _by_token(http, registry, credential, challenge, kind)
    return await _try(http, kind, _basic(credential), credential.username)


def _basic(credential: Credential) -> str:
    pair = f"{credential.username}:{credential.password.get_secret_value()}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


async def _by_token(
    http: HttpClient,
    registry: Registry,
    credential: Credential,
    challenge: wire.Challenge,
    kind: Verdict,
) -> Login:
    """Trade the credential for a token, if the token service may see it."""
    origin, path = _split(challenge.realm)
    if not _trusted(origin, registry):
        foreign = _refused(
            Reason.FOREIGN_TOKEN_REALM,
            f"the registry sends us to another host for a token: {origin[:120]}",
            "if that token service is yours, name it as 'Token service' of this registry",
        )
        return Login(verdicts=(kind, foreign))
    query = {"service": challenge.service, "scope": _CATALOG_SCOPE}
    answer = await http.send(
        "GET",
        path,
        query=query,
        headers={"Authorization": _basic(credential)},
        origin=origin,
    )
    try:
        token = parse(http.name, expect(http.name, answer), wire.TOKEN)
    except Unauthorized:
        return Login(verdicts=(kind, _bad_credentials()))
    if not token.bearer:
        raise ServerBroken(http.name, "GET", answer.url, "answered 200 without a token")
    return await _try(http, kind, f"Bearer {token.bearer}", credential.username)


def _split(realm: str) -> tuple[str, str]:
    try:
        parts = urlsplit(realm)
    except ValueError:
        return realm, "/"
    return f"{parts.scheme}://{parts.netloc}", parts.path or "/"


def _trusted(origin: str, registry: Registry) -> bool:
    try:
        canonical = parse_address(origin).origin
    except ValueError:
        return False
    return canonical in (registry.address, registry.token_service)


async def _try(http: HttpClient, kind: Verdict, authorization: str, username: str) -> Login:
    answer = await http.get("/v2/", headers={"Authorization": authorization})
    try:
        expect(http.name, answer)
    except Unauthorized:
        return Login(verdicts=(kind, _bad_credentials()))
    known = _authenticated(Reason.CREDENTIALS_ACCEPTED, f"{username} is known")
    return Login(verdicts=(kind, known), authorization=authorization)


def _kind_verdict(knock: Answer, challenge: wire.Challenge) -> Verdict:
    """Only `/v2/` answered as the specification says makes it a registry."""
    fault: tuple[Reason, str, str] | None = None
    if challenge.is_harbors:
        advice = "choose the type 'Harbor'"
        fault = Reason.WRONG_KIND, "a Harbor answers here, not a plain Docker Registry", advice
    elif 300 <= knock.status < 400:
        where = knock.headers.get("location", "").partition("?")[0][:120]
        advice = "integrate the address that it points to; credentials do not follow redirects"
        fault = Reason.REDIRECTED, f"the address only points on to {where}", advice
    elif is_web_page(knock):
        fault = Reason.NOT_A_REGISTRY, "a web page answers here, no registry", "check the address"
    elif knock.status != 200 and challenge.scheme not in ("basic", "bearer"):
        said = f"/v2/ answered {knock.status}, as no Docker Registry does"
        fault = Reason.NOT_A_REGISTRY, said, "check the address"
    reason, message, advice = fault or (Reason.SUPPORTED, "a Docker Registry answers", "")
    return Verdict(
        type=ConditionType.SUPPORTED,
        status=Status.FALSE if fault else Status.TRUE,
        reason=reason,
        message=message,
        advice=advice,
        # A proxy's maintenance page, or an answer cut short, looks like no registry.
        proved=reason is not Reason.NOT_A_REGISTRY,
        step="Is it a Docker Registry",
    )


def _bad_credentials() -> Verdict:
    return _refused(
        Reason.BAD_CREDENTIALS,
        "user name or password is wrong",
        "put the right ones into the registry-credentials block",
    )


def _authenticated(reason: Reason, message: str) -> Verdict:
    return Verdict(
        type=ConditionType.AUTHENTICATED,
        status=Status.TRUE,
        reason=reason,
        message=message,
        step="Credentials right",
    )


def _refused(reason: Reason, message: str, advice: str) -> Verdict:
    return _authenticated(reason, message).model_copy(
        update={"status": Status.FALSE, "advice": advice}
    )
