"""Records a release for the tests of upgrades: `python -m tests.upgrade.record_release CHECKOUT FOLDER`.

Runs the release's own code from a checkout of it, on a database of its own, as its users do: commands, intake, pages.
FOLDER then has:

- `database.sql`: the database, as pg_dump writes it. Its keys, passwords and secrets were generated for it.
- `recording.json`: the credentials, what was sent, and the responses to all kinds of requests for reports.
- `statements.sql`: every statement that the release's server sent to the database.
"""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid5

import httpx
import msgspec
import pyotp

from database.embedded import EmbeddedPostgres, binary
from tests.support.html_page import Page
from tests.support.servers import free_port
from tests.upgrade.recording import Answer, Batch, Person, Recording, Request

NOTE = "Test data: these keys, passwords and secrets were generated for it and are valid nowhere else."
PASSWORD = "correct horse battery"
DATABASE = "release"
SPACE = UUID("5f0c9d1e-0000-4000-8000-000000000000")
SETTINGS = {
    "GOKART_LIMITS": "database",
    "GOKART_TASKS_EVERY": "3",  # so that each background job runs while data arrives
    "GOKART_TOKEN_RATE": "1000",
    "GOKART_TOKEN_BURST": "1000",
}
REPORTS = "/api/v1/integrations/cost-report"
WHOLE_DAYS = "date_from=2025-05-01&date_to=2026-11-30"
RANGES = [
    WHOLE_DAYS,
    "date_from=2025-05-19&date_to=2025-05-19",
    "date_from=2025-05-19T10:00:00Z&date_to=2025-05-19T15:29:00Z",  # widened: quarter hours of then are not kept
    "date_from=2026-11-03T08:15:00Z&date_to=2026-11-03T12:44:00Z",
    "date_from=2026-11-01&date_to=2026-11-30",
    "date_from=2024-01-01&date_to=2024-12-31",  # nothing
]
PAGES = {
    "owner": [
        "/staff?period=last-90-days",
        *("/staff/keys", "/staff/people", "/staff/people/staff/1", "/staff/people/logins/1", "/staff/singular"),
        *("/staff/corrections", "/staff/settings", "/staff/audit", "/staff/account"),
        *(
            f"/admin/api/tables/{table}/?__page_size=15"
            for table in (
                *("advertiser", "offer", "partner", "conversion_list", "intake", "intake_reject_list"),
                *("singular_pull_list", "api_token", "staff", "advertiser_login", "setting", "audit_log"),
            )
        ),
    ],
    "advertiser": [
        f"/?period=custom&{WHOLE_DAYS}",
        f"/export?period=custom&{WHOLE_DAYS}",
        "/keys",
        "/singular",
        "/api",
        "/account",
    ],
    "platform": ["/", "/staff", "/tenants/acme", "/audit", "/account", "/staff/1"],
}


PREPARABLE = re.compile(r"SELECT|WITH|INSERT|UPDATE|DELETE")
OF_THE_DRIVER = re.compile(r"set_config\('jit|typeinfo_tree|information_schema")
LITERAL = re.compile(r"'[^']*'")


def named(name: str) -> str:
    """The same id in each run."""
    return str(uuid5(SPACE, name))


class Release:
    """The release's commands and server, on the database."""

    def __init__(self, checkout: Path, url: str) -> None:
        self.checkout = checkout
        self.port = free_port()
        self.environment = {"PATH": "/usr/bin:/bin", "GOKART_DATABASE_URL": url, **SETTINGS}
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60)

    def command(self, *arguments: str) -> str:
        """What the command prints."""
        result = subprocess.run(
            [sys.executable, "cli.py", *arguments],
            cwd=self.checkout,
            env=self.environment | {"COLUMNS": "1000"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, (arguments, result.stdout, result.stderr)
        return result.stdout.strip()

    @contextmanager
    def serving(self) -> Iterator[None]:
        process = subprocess.Popen(
            [sys.executable, "cli.py", "serve", "--port", str(self.port)], cwd=self.checkout, env=self.environment
        )
        try:
            wait_until(lambda: self.http.get("/readyz").status_code == 200)
            yield
        finally:
            process.terminate()
            process.wait(60)

    def request(self, method: str, host: str, path: str, **rest: Any) -> httpx.Response:
        headers = {"Host": f"{host}.localhost", "Origin": f"http://{host}.localhost", **rest.pop("headers", {})}
        return self.http.request(method, path, headers=headers, **rest)

    def send(self, recording: Recording, tenant: str, kind: str, records: list[Any], token: str) -> None:
        response = self.request(
            "PUT" if kind in {"offers", "partners"} else "POST",
            f"api.{tenant}",
            f"/api/v1/ingest/{kind}",
            content=msgspec.json.encode(records),
            headers={"Authorization": f"ApiToken {recording.tokens[token]}", "Content-Type": "application/json"},
        )
        assert response.status_code == 200, response.text
        recording.batches.append(Batch(tenant, kind, records, token, response.json()))

    def join(self, host: str, root: str, link: str, email: str) -> Person:
        """Follows the link of an invitation, which sets the password and signs in."""
        self.http.cookies.clear()
        path = urlsplit(link.rsplit(maxsplit=1)[-1]).path
        response = self.request("POST", host, path, data={"password": PASSWORD, "again": PASSWORD})
        assert response.status_code in {302, 303}, response.text
        return Person(host, root, email, PASSWORD, dict(response.cookies))

    def turn_on_totp(self, person: Person) -> None:
        """Adds the secret and two of the recovery codes to the person, after signing in with another one."""
        page = Page(self.request("GET", person.host, f"{person.root}/account/two-step", cookies=person.cookies).text)
        person.totp = page.one("input", type="hidden", name="secret").attributes["value"]
        form = {"secret": person.totp, "code": pyotp.TOTP(person.totp).now(), "current": PASSWORD}
        response = self.request(
            "POST", person.host, f"{person.root}/account/two-step", data=form, cookies=person.cookies
        )
        *person.recovery_codes, used = re.findall(r"\b\w{5}-\w{5}-\w{5}\b", response.text)[:3]
        self.http.cookies.clear()
        form = {"email": person.email, "password": PASSWORD}
        self.request("POST", person.host, f"{person.root}/sign-in", data=form)
        response = self.request("POST", person.host, f"{person.root}/sign-in/code", data={"code": used})
        person.cookies = dict(response.cookies)
        assert person.cookies, response.text

    def correct(self, person: Person, rows: str) -> None:
        """Uploads a file of corrections and applies it."""
        root = f"{person.root}/corrections"
        preview = self.request("POST", person.host, root, files={"file": ("c.csv", rows)}, cookies=person.cookies)
        fields = {e.attributes["name"]: e.attributes["value"] for e in Page(preview.text).all("input", type="hidden")}
        parts: dict[str, Any] = {name: (None, value) for name, value in fields.items()}
        done = self.request("POST", person.host, f"{root}/apply", files=parts, cookies=person.cookies)
        assert done.status_code == 200, done.text


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            if condition():
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.2)


def fill(release: Release) -> Recording:
    recording = Recording(NOTE, [], {}, {}, [])
    release.command("migrate")
    release.command("tenants", "create", "acme", "--name", "Acme Media")
    release.command("tenants", "create", "blue", "--name", "Blue")
    release.command("tenants", "rename", "blue", "--name", "Blue Ocean")
    release.command("tenants", "limit", "blue", "--rate", "50", "--burst", "500", "--concurrency", "20")
    owner, rival = named("owner"), named("rival")
    for tenant, name, id_ in ("acme", "Owner", owner), ("acme", "Rival", rival), ("blue", "Owner", owner):
        release.command("advertisers", "create", tenant, "--name", name, "--id", id_)
    create_tokens(release, recording, owner, rival)
    with release.serving():
        join_people(release, recording, owner)
        send_records(release, recording, owner, rival)
        for request in requests():  # a first time, for the log of Singular's requests
            ask(release, recording, request)
        for name, paths in PAGES.items():
            person = recording.people[name]
            for path in paths:
                response = release.request("GET", person.host, path, cookies=person.cookies)
                assert response.status_code == 200, (path, response.status_code, response.text)
        release.request("POST", "app.acme", "/sign-in", data={"email": "nobody@example.com", "password": "wrong"})
        time.sleep(10)  # the last uses and Singular's requests are written, and each job has seen the data
        recording.answers = [ask(release, recording, request) for request in requests()]
    return recording


def create_tokens(release: Release, recording: Recording, owner: str, rival: str) -> None:
    for name, tenant, *options in (
        ("owner", "acme", "--advertiser", owner),
        ("owner's report", "acme", "--advertiser", owner, "--scope", "cost-report"),
        ("owner's network", "acme", "--advertiser", owner, "--network", "10.0.0.0/8"),
        ("rival", "acme", "--advertiser", rival, "--days", "3650"),
        ("ingest", "acme", "--ingest"),
        ("rotated", "acme", "--advertiser", owner),
        ("revoked", "acme", "--advertiser", owner),
        ("blue", "blue", "--advertiser", owner),
        ("blue's ingest", "blue", "--ingest"),
    ):
        recording.tokens[name] = release.command("tokens", "create", tenant, "--name", name, *options).split()[-1]
    release.command("tokens", "limit", "acme", "4", "--rate", "20", "--burst", "200")
    recording.tokens["successor"] = release.command("tokens", "rotate", "acme", "6", "--grace-days", "0").split()[-1]
    release.command("tokens", "revoke", "acme", "7")
    for tenant, advertiser in ("acme", owner), ("acme", rival), ("blue", owner):
        release.command("advertisers", "set", tenant, advertiser, "--singular")


def join_people(release: Release, recording: Recording, owner: str) -> None:
    def invite(*arguments: str) -> str:
        return release.command(*arguments, "--name", "Somebody")

    people = recording.people
    link = invite("staff", "invite", "acme", "--email", "owner@example.com", "--role", "owner")
    people["owner"] = release.join("app.acme", "/staff", link, "owner@example.com")
    link = invite("staff", "invite", "acme", "--email", "viewer@example.com", "--role", "viewer")
    people["invited"] = Person(
        "app.acme", "/staff", "viewer@example.com", "", {}, link=urlsplit(link.rsplit(maxsplit=1)[-1]).path
    )
    link = invite("logins", "invite", "acme", "--email", "user@example.com", "--advertiser", owner)
    people["advertiser"] = release.join("app.acme", "", link, "user@example.com")
    link = invite("staff", "invite", "--platform", "--email", "platform@example.com", "--role", "owner")
    people["platform"] = release.join("admin", "", link, "platform@example.com")
    for name in "owner", "advertiser":
        release.turn_on_totp(people[name])


def send_records(release: Release, recording: Recording, owner: str, rival: str) -> None:
    def send(kind: str, *records: Any, to: tuple[str, str] = ("acme", "ingest")) -> None:
        tenant, token = to
        release.send(recording, tenant, kind, list(records), token)

    store = {"campaignName": "AOS_TEST_2025", "appName": "Test", "storeId": "com.test", "os": "ANDROID"}
    chess = {"id": named("chess"), "name": "Chess", "advertiserId": owner, **store}
    puzzle = {"id": named("puzzle"), "name": 'Puzzle, & "more"', "advertiserId": owner}
    theirs = {"id": named("theirs"), "name": "Theirs", "advertiserId": rival, **store}
    send("offers", chess, puzzle, theirs, {"id": named("bad"), "name": "Bad", "os": "x" * 1000})
    send("offers", chess | {"name": "Chess 2"})
    send("partners", {"id": named("partner"), "name": "Öl & Söhne"}, {"id": named("other"), "name": "zoo"})

    def conversion(name: str, status: str, sent: str, occurred: str, offer: Any = chess, **rest: Any) -> Any:
        fields = {
            "conversionId": named(name),
            "status": status,
            "userCompletedAt": occurred,
            "createdAt": occurred,
            "offerId": offer["id"],
            "offerName": offer["name"],
            "offerAdvertiserId": offer["advertiserId"],
            "offerAdvertiserName": "Owner",
            "revenue": "69.504321",
            "partnerId": named("partner"),
            "partnerName": "Öl & Söhne",
            **rest,
        }
        return {"id": named(f"{name} {status} {sent}"), "sentAt": sent, "conversion": fields}

    old, new, edge = "2025-05-19T15:31:44.1234567+02:00", "2026-11-03T09:14:59Z", "2026-11-03T12:45:00Z"
    late = "2026-11-20T10:00:00.0000001Z"
    send("conversions", *(conversion(f"pending {n}", "Pending", old, old) for n in range(2)))
    send("conversions", conversion("pending 1", "Success", late, old))
    send("conversions", *(conversion(f"success {n}", "Success", old, old, puzzle, revenue=n) for n in range(3)))
    send("conversions", conversion("success 1", "Rejected", late, old, puzzle, rejectionReason="Duplicate"))
    send("conversions", *(conversion(f"new {n}", "Success", new, new, partnerId=None) for n in range(3)))
    send("conversions", conversion("edge", "Success", new, edge), conversion("theirs", "Success", new, new, theirs))
    unknown = {"id": named("unknown"), "name": "Made by a callback", "advertiserId": owner}
    send("conversions", conversion("made", "Success", new, new, unknown), conversion("bad", "Maybe" * 200, new, new))
    send("conversions", conversion("corrected", "Success", new, new), conversion("stays", "Success", new, old))
    kept = "ConversionId,Status,RejectionReason\n" + f"{named('corrected')},Rejected,Fraud\n"
    release.correct(recording.people["owner"], kept)

    def event(name: str, kind: str, occurred: str, offer: Any = chess, partner: str | None = "other") -> Any:
        partner = named(partner) if partner else None
        return {"id": named(name), "type": kind, "offerId": offer["id"], "partnerId": partner, "occurredAt": occurred}

    start = datetime(2026, 11, 3, 6, tzinfo=UTC)
    times = [f"{start + n * timedelta(minutes=37):%Y-%m-%dT%H:%M:%SZ}" for n in range(12)]
    send("events", *(event(f"event {n}", "click" if n % 3 else "view", time_) for n, time_ in enumerate(times)))
    send("events", *(event(f"old {n}", "view", old, puzzle, None) for n in range(5)), event("bad", "hover", old))
    send("events", event("theirs", "click", new, theirs))
    send("events", event("event 1", "click", times[1]))  # a duplicate
    blue = ("blue", "blue's ingest")
    send("offers", chess, to=blue)
    send("conversions", conversion("blue", "Success", new, new, partnerId=None), to=blue)
    send("events", event("blue", "click", new, partner=None), to=blue)


def requests() -> list[Request]:
    paths = [f"{REPORTS}/{kind}?{range_}" for range_ in RANGES for kind in ("json", "csv")]
    paths += [
        f"{REPORTS}/singular/{kind}?{range_}" for range_ in RANGES if "T" not in range_ for kind in ("json", "csv")
    ]
    paths.append(f"{REPORTS}/json?{WHOLE_DAYS}&offerId={named('chess')}")
    found = [Request("acme", "owner", path) for path in paths]
    found += [Request(*who, path) for who in (("acme", "rival"), ("blue", "blue")) for path in paths[:2]]
    # Keys that may not, and a request that is wrong.
    found += [Request("acme", name, paths[0]) for name in ("owner's network", "rotated", "revoked", "blue", "ingest")]
    found += [Request("acme", "owner's report", f"{REPORTS}/singular/json?{WHOLE_DAYS}")]
    found += [Request("acme", name, paths[0]) for name in ("owner's report", "successor")]
    found += [Request("acme", "owner", f"{REPORTS}/json?date_from=2025-05-01")]
    return found


def ask(release: Release, recording: Recording, request: Request) -> Answer:
    response = release.request(
        "GET",
        f"api.{request.tenant}",
        request.path,
        headers={"Authorization": f"ApiToken {recording.tokens[request.token]}"},
    )
    return Answer.of(request, response)


def dump(url: str) -> str:
    """The database without session settings that other versions of PostgreSQL do not know, and without comments."""
    command = [str(binary("pg_dump")), "--no-owner", "--no-privileges", url]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    output = re.sub(r"^(--.*|SET transaction_timeout.*|\\(un)?restrict .*)?\n", "", output, flags=re.MULTILINE)
    return f"-- {NOTE}\n{output}"


def statements(folder: Path) -> list[str]:
    """The queries and changes that PostgreSQL has logged, each once, for one tenant: t_acme."""
    found: dict[str, str] = {}
    for file in sorted(folder.glob("*.json")):
        for line in file.read_bytes().splitlines():
            entry = msgspec.json.decode(line)
            text = re.match(
                r"(?:statement|execute [^:]*): (?:COPY \((.*)\) TO STDOUT.*|(.*))", entry["message"], re.DOTALL
            )
            if text and entry.get("dbname") == DATABASE and entry.get("application_name") != "pg_dump":
                statement = dedent(text[1] or text[2]).strip().removesuffix(";").replace("t_blue.", "t_acme.")
                statement = statement.replace('"t_blue"', '"t_acme"')
                if PREPARABLE.match(statement) and not OF_THE_DRIVER.search(statement):
                    found.setdefault(LITERAL.sub("''", statement), statement)
    return list(found.values())


def main() -> None:
    checkout, folder = map(Path, sys.argv[1:])
    with TemporaryDirectory() as temporary:
        server = EmbeddedPostgres(
            Path(temporary) / "postgres",
            logging_collector="on",
            log_destination="jsonlog",
            log_statement="all",
            log_directory="statements",
            log_rotation_size="0",
            fsync="off",
        )
        try:
            url = server.start()
            subprocess.run([binary("psql"), "--quiet", "--command", f"CREATE DATABASE {DATABASE}", url], check=True)
            url = url.replace("/postgres?", f"/{DATABASE}?", 1)
            recording = fill(Release(checkout.resolve(), url))
            (folder / "database.sql").write_text(dump(url))
        finally:
            server.stop()
        logged = statements(server.directory / "statements")
    (folder / "recording.json").write_bytes(msgspec.json.format(msgspec.json.encode(recording), indent=1) + b"\n")
    (folder / "statements.sql").write_text(";\n\n".join(logged) + ";\n")


if __name__ == "__main__":
    main()
