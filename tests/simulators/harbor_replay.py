"""Replaying the recorded Harbor session: its requests, and what happened between them.

The records are one long session, so they are sent in order to one fresh simulator. Masked
parts (tokens, secrets, blob contents, upload ids) are filled in from the simulator's answers.
Each record has its number in the session as it was recorded: requests that neither this service
nor its tests make were left out, and what they changed is done to the simulator in BETWEEN.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from deployments.simulators.harbor import SimulatedHarbor
from deployments.simulators.harbor.state.entities import Member
from deployments.simulators.harbor.state.policies import DEVELOPER, PROJECT_ADMIN

SAMPLES = Path(__file__).parents[1] / "samples" / "harbor" / "golden.jsonl"
RECORDS: dict[int, dict[str, Any]] = {
    record["number"]: record for record in map(json.loads, SAMPLES.read_text().splitlines())
}
BASE = "http://127.0.0.1:18080"
LOCKOUT_SECONDS = 0.01
REFUSED = (
    'failed to check health: Get "http://127.0.0.1:{}": '
    "dial tcp 127.0.0.1:{}: connect: connection refused"
)
# The recorded core ran without these three.
MISSING_PARTS = {
    "jobservice": REFUSED.format("18081/api/v1/stats", "18081"),
    "portal": REFUSED.format("18083", "18083"),
    "registryctl": REFUSED.format("18082/api/health", "18082"),
}

# 102 was sent while the wrong password of 103 was being waited for.
SENT_DURING = {102: 103}
# The one body that was sent without a Content-Type.
UNTYPED = 134
# Which /service/token record gave the token of a masked Authorization header.
TOKENS = {472: 471, 475: 474, 477: 476, 478: 471, 479: 471, 481: 480, 483: 482, 487: 471, 491: 489}


def set_metadata(harbor: SimulatedHarbor, **metadata: str) -> None:
    """Replace the metadata of the project `demo`."""
    harbor.projects["demo"].metadata = metadata


def add_users(harbor: SimulatedHarbor) -> None:
    """Two users without rights."""
    for name in ("alice", "bob"):
        user = harbor.add_user(name, "Passw0rd1", email=f"{name[0]}@x.io")
        user.realname = name.capitalize()


def add_member(harbor: SimulatedHarbor, project: str, role: int) -> None:
    """Give alice a role."""
    alice = harbor.find_user("alice")
    assert alice is not None
    member = Member(harbor.next_id("member"), alice.id, role)
    harbor.projects[project].members.append(member)


def set_sysadmin(harbor: SimulatedHarbor, value: bool) -> None:
    """Make alice an administrator, or a user again."""
    alice = harbor.find_user("alice")
    assert alice is not None
    alice.sysadmin = value


def change_settings(**values: object) -> Callable[[SimulatedHarbor], None]:
    """Change the configuration."""

    def change(harbor: SimulatedHarbor) -> None:
        for name, value in values.items():
            setattr(harbor.settings, name, value)

    return change


def begin_read_only(harbor: SimulatedHarbor) -> None:
    """A project that was created with a CSRF token; then read-only mode."""
    harbor.add_project("csrf2")
    harbor.settings.read_only = True


def create_many_projects(harbor: SimulatedHarbor) -> None:
    """300 projects for the paging measurements, every third one public."""
    for number in range(300):
        harbor.add_project(f"bulk-{number:04d}", public=number % 3 == 0)
    harbor.add_robot("measured", ["demo"])


def skip_proxy_caches(harbor: SimulatedHarbor) -> None:
    """Two proxy caches that were inserted and rolled back, which uses up ids."""
    for sequence in ("project", "allowlist", "member", "quota"):
        harbor.ids[sequence] += 2


def create_race_projects(harbor: SimulatedHarbor) -> None:
    """Six creations of one project at once, of which five were refused; and one more."""
    for _ in range(5):
        harbor.next_id("project")
    harbor.add_project("race", public=True)
    harbor.add_project("unknownfield")


BETWEEN: dict[int, Callable[[SimulatedHarbor], object]] = {
    161: lambda harbor: set_metadata(harbor, auto_scan="true", severity="high"),
    164: lambda harbor: set_metadata(harbor, auto_scan="true", severity="high", public="false"),
    194: add_users,
    196: lambda harbor: add_member(harbor, "demo2", DEVELOPER),
    237: change_settings(project_creation_restriction="adminonly"),
    239: change_settings(project_creation_restriction="everyone"),
    385: change_settings(project_creation_restriction="adminonly"),
    389: change_settings(project_creation_restriction="everyone"),
    396: begin_read_only,
    405: change_settings(read_only=False, quota_per_project_enable=False),
    412: change_settings(quota_per_project_enable=True),
    519: create_many_projects,
    530: skip_proxy_caches,
    536: lambda harbor: add_member(harbor, "demo", PROJECT_ADMIN),
    541: change_settings(robot_name_prefix="bot-"),
    543: change_settings(robot_name_prefix="robot$"),
    # It was turned into a proxy cache in the database.
    549: lambda harbor: setattr(harbor.projects["bulk-0001"], "registry_id", 1),
    555: lambda harbor: setattr(harbor, "database_up", False),
    565: lambda harbor: setattr(harbor, "database_up", True),
    567: lambda harbor: harbor.unhealthy_components.update(
        redis="dial tcp 127.0.0.1:56379: connect: connection refused"
    ),
    572: create_race_projects,
    581: lambda harbor: set_sysadmin(harbor, True),
    584: lambda harbor: set_sysadmin(harbor, False),
}


class Session:
    """One replay: the simulator, and what stands for the masked parts of the records."""

    def __init__(self) -> None:
        self.harbor = SimulatedHarbor(
            external_url=BASE, lockout_seconds=LOCKOUT_SECONDS, unhealthy=MISSING_PARTS
        )
        self.transport = httpx.ASGITransport(app=self.harbor.app)
        self.tokens: dict[int, str] = {}
        self.blobs = dict(_blobs())
        self.names: dict[str, str] = {}
        for recorded, data in self.blobs.items():
            self.names[recorded] = "sha256:" + hashlib.sha256(data).hexdigest()
        self._name_manifests()

    def _name_manifests(self) -> None:
        """The recorded manifests, with our blobs in place of the unknown ones."""
        text = self.translate(RECORDS[472]["resp_body"])
        self.manifests = {
            MANIFEST_1: text.encode(),
            MANIFEST_2: _second_manifest(self, text).encode(),
        }
        for recorded, data in self.manifests.items():
            self.names[recorded] = "sha256:" + hashlib.sha256(data).hexdigest()

    def translate(self, text: str) -> str:
        """Recorded names of things made anew (digests, upload ids) to ours."""
        for recorded_name, simulated_name in self.names.items():
            text = text.replace(recorded_name, simulated_name)
        return text

    async def send(self, index: int) -> httpx.Response:
        """Send one record's request."""
        record = RECORDS[index]
        if index not in SENT_DURING:
            self.harbor.locked_until.clear()
        headers = dict(record["headers"] or {})
        if index in TOKENS:
            headers["Authorization"] = f"Bearer {self.tokens[TOKENS[index]]}"
        if record["body"] and "Content-Type" not in headers and index != UNTYPED:
            headers["Content-Type"] = "application/json"
        auth = tuple(record["auth"].split(":", 1)) if record["auth"] else None
        if "Authorization" in headers:
            auth = None
        async with httpx.AsyncClient(transport=self.transport) as client:
            return await client.request(
                record["method"], self._url(record), auth=auth, headers=headers,
                content=self._body(record),
            )  # fmt: skip

    def _url(self, record: dict[str, Any]) -> str:
        return BASE + self.translate(record["path"])

    def _body(self, record: dict[str, Any]) -> bytes | None:
        body = record["body"]
        if body is None or not re.fullmatch(r"<\d+ bytes>", body):
            return None if body is None else str(body).encode()
        blob_digest = record["path"].rpartition("digest=")[2]
        if blob_digest in self.blobs:
            return self.blobs[blob_digest]
        digest = dict(record["resp_headers"])["Docker-Content-Digest"]
        return self.manifests[digest]

    def learn(self, index: int, response: httpx.Response) -> None:
        """Keep what later records refer to: secrets, tokens, uploads."""
        record = RECORDS[index]
        if record["path"].startswith("/service/token") and response.status_code == 200:
            self.tokens[index] = response.json()["token"]
        upload = response.headers.get("docker-upload-uuid")
        if upload:
            recorded = dict(record["resp_headers"])
            self.names[recorded["Location"]] = response.headers["location"]
            self.names[recorded["Docker-Upload-Uuid"]] = upload
        if '"secret":"RobotSecret' in record["resp_body"]:
            self._keep_secret(record, response)

    def _keep_secret(self, record: dict[str, Any], response: httpx.Response) -> None:
        """Give the robot the recorded, masked secret."""
        location = response.headers.get("location", record["path"])
        robot = self.harbor.robots[int(location.rpartition("/")[2])]
        robot.secret = json.loads(record["resp_body"])["secret"]


LAYER_1 = "sha256:13da4088d468ae3fe69d02b99ae9e2a0b418a4a87e5a4858915f48c959e15355"
CONFIG_1 = "sha256:1c0226bef7f5c2c49f66e67ccba9bb30db48959a570abcc0f9a44cf07f1770ff"
LAYER_2 = "sha256:ce5c85c11137382d572714fc21681bd3ddacfd95bc40e9d4899eb556fc8d46ca"
CONFIG_2 = "sha256:e7c98f2644cb90ee05042b16935b314323a07d0a7a2b715959ab48ea281c28a1"
MANIFEST_1 = "sha256:198bb9e2cc8d71ff9dca9b7a0d71e8c90318e4e4952c34b466d7bd9a25d91c14"
MANIFEST_2 = "sha256:8c142a7c38ac716b4e4bbf4de600204aa8736397920278ac7802503e5293a1ab"


def _blobs() -> Iterator[tuple[str, bytes]]:
    """Blobs of the recorded sizes; the recorded contents are not known."""
    yield LAYER_1, b"1" * 300000
    yield CONFIG_1, b"{" + b" " * 171 + b"}"
    yield LAYER_2, b"2" * 50000
    yield CONFIG_2, b"{" + b"\n" * 171 + b"}"


def _second_manifest(session: Session, first: str) -> str:
    names = session.names
    swapped = first.replace(names[LAYER_1], names[LAYER_2]).replace("300000", "50000")
    return swapped.replace(names[CONFIG_1], names[CONFIG_2])
