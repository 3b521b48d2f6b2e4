"""What `record_release` writes and the tests of upgrades read: credentials, batches and answers of a release."""

import re
from pathlib import Path
from typing import Any, Self

import httpx
import msgspec

HEADERS = {"content-type", "etag", "gokart-range", "gokart-notice", "gokart-rows", "vary", "cache-control"}
RELEASES = Path(__file__).parent / "releases"


def latest_release() -> str:
    return max((path.name for path in RELEASES.iterdir()), key=lambda name: [int(n) for n in name.split(".")])


class Request(msgspec.Struct, frozen=True):
    """A report that the API key named `token` asks for at the tenant's API host."""

    tenant: str
    token: str
    path: str


class Answer(msgspec.Struct, frozen=True):
    """`headers` are those in HEADERS. The body lacks the time of the request, which Singular's report states."""

    request: Request
    status: int
    headers: dict[str, str]
    body: str

    @classmethod
    def of(cls, request: Request, response: httpx.Response) -> Self:
        headers = {name: value for name, value in response.headers.items() if name in HEADERS}
        body = re.sub(r'"generatedAt":"[^"]*",', "", response.text)
        return cls(request, response.status_code, headers, body)


class Batch(msgspec.Struct, frozen=True):
    """An intake call with its decoded response."""

    tenant: str
    kind: str
    records: list[Any]
    token: str
    response: dict[str, Any]


class Person(msgspec.Struct):
    """`cookies` are those of a session. Without `totp`, the password is enough to sign in. `link` is the path of an
    invitation that has not been accepted.
    """

    host: str
    root: str
    email: str
    password: str
    cookies: dict[str, str]
    totp: str = ""
    recovery_codes: list[str] = []
    link: str = ""


class Recording(msgspec.Struct):
    """`tokens` and `people` by name. `note` is for readers of the file."""

    note: str
    batches: list[Batch]
    tokens: dict[str, str]
    people: dict[str, Person]
    answers: list[Answer]

    @classmethod
    def read(cls, release: str) -> Self:
        return msgspec.json.decode((RELEASES / release / "recording.json").read_bytes(), type=cls)
