"""With GOKART_TOTP_KEY, the database has the secrets of authenticator apps encrypted only."""

from pathlib import Path

import pyotp
import pytest

from tests.support.database import execute
from tests.support.people import Browser, create_staff_user
from tests.support.sandbox import Sandbox
from tests.support.servers import running_server

OLD, NEW = "an old key of thirty-two characters", "a new key with random characters 1234"
STORED = "SELECT totp_secret FROM {s}.staff WHERE email = $1"


def sign_in(folder: Path, sandbox: Sandbox, email: str, code: str, keys: str) -> int:
    """Signs in with a code at a server with these keys. Forgets which code was used last. Returns the status."""
    execute("UPDATE {s}.staff SET totp_step = NULL", schema=sandbox.tenant.schema)
    settings = {"GOKART_TOTP_KEY": keys} if keys else {}
    with running_server(folder, workers=1, **settings) as server, server.client() as http:
        client = Browser(http, f"app.{sandbox.tenant.slug}.localhost")
        client.sign_in(email, root="/staff")
        return client.post("/staff/sign-in/code", data={"code": code}).status_code


def stored_secret(sandbox: Sandbox, email: str) -> str:
    (row,) = execute(STORED, email, schema=sandbox.tenant.schema)
    return str(row["totp_secret"])


def test_secrets_are_encrypted_when_they_are_used_and_keys_can_change(tmp_path: Path, sandbox: Sandbox) -> None:
    secret = pyotp.random_base32()
    email = create_staff_user(sandbox, totp_secret=secret)
    seen = {secret}
    for keys in OLD, f"{NEW}, {OLD}", NEW:
        before = stored_secret(sandbox, email)
        assert sign_in(tmp_path, sandbox, email, pyotp.TOTP(secret).now(), keys) == 303
        after = stored_secret(sandbox, email)
        assert (after == before) == (keys == NEW), "encrypted once with each key"
        assert secret not in after
        seen.add(after)
    assert len(seen) == 3
    for keys in OLD, "":
        assert sign_in(tmp_path, sandbox, email, pyotp.TOTP(secret).now(), keys) == 403


@pytest.mark.parametrize("change", ["another user", "one character"])
def test_a_changed_secret_does_not_work(tmp_path: Path, sandbox: Sandbox, change: str) -> None:
    secret = pyotp.random_base32()
    email, other = (create_staff_user(sandbox, totp_secret=secret) for _ in range(2))
    assert sign_in(tmp_path, sandbox, email, pyotp.TOTP(secret).now(), NEW) == 303
    stored = stored_secret(sandbox, email)
    if change == "one character":
        stored = stored[:20] + ("A" if stored[20] != "A" else "B") + stored[21:]
    execute("UPDATE {s}.staff SET totp_secret = $1 WHERE email = $2", stored, other, schema=sandbox.tenant.schema)
    assert sign_in(tmp_path, sandbox, other, pyotp.TOTP(secret).now(), NEW) == 403
