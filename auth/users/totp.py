"""Two-factor authentication: codes of an authenticator app (RFC 6238), and recovery codes."""

import hashlib
import hmac
import re
import secrets
import time

import pyotp

from auth.users.realms import Realm
from auth.users.totp_secrets import decrypt_secret, encrypt_secret, is_current
from auth.users.users import User
from core.errors import GokartError
from database.transactions import transaction

STEP = 30  # seconds
RECOVERY_CODES = 10
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # without characters that look alike


def new_secret() -> str:
    return pyotp.random_base32()


def is_secret(text: str) -> bool:
    return re.fullmatch(r"[A-Z2-7]{32}", text) is not None


def setup_uri(secret: str, user: User, issuer: str) -> str:
    """The content of the QR code for authenticator apps."""
    return pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=issuer)


def step_of(secret: str, code: str) -> int | None:
    """The time step of a code: the current one, or the one before or after, because clocks differ."""
    now = int(time.time()) // STEP
    digits = code.strip().replace(" ", "")
    for step in (now, now - 1, now + 1):
        if hmac.compare_digest(pyotp.TOTP(secret).generate_otp(step).encode(), digits.encode()):
            return step
    return None


def new_recovery_codes() -> list[str]:
    return [
        "-".join("".join(secrets.choice(ALPHABET) for _ in range(5)) for _ in range(3)) for _ in range(RECOVERY_CODES)
    ]


def recovery_code_digest(recovery_code: str) -> bytes:
    """A fast digest is enough: recovery codes have 74 random bits."""
    return hashlib.sha256(recovery_code.strip().lower().replace(" ", "").encode()).digest()


async def enable_totp(user: User, secret: str, code: str) -> list[str]:
    """Returns the recovery codes, which are shown once. Raises GokartError if the code is wrong."""
    step = step_of(secret, code) if is_secret(secret) else None
    if step is None:
        raise GokartError("The code is incorrect. Enter the code that your authenticator app shows now.")
    codes = new_recovery_codes()
    await set_totp(user.realm, user.id, secret, step, codes)
    return codes


async def renew_recovery_codes(user: User) -> list[str]:
    codes = new_recovery_codes()
    realm = user.realm
    async with transaction() as db:
        await db.execute(
            f"UPDATE {realm.schema}.{realm.table} SET recovery_codes = $2 WHERE id = $1 AND totp_secret IS NOT NULL",
            user.id,
            [recovery_code_digest(code) for code in codes],
        )
    return codes


async def disable_totp(realm: Realm, user_id: int) -> None:
    await set_totp(realm, user_id, None, None, [])


async def set_totp(realm: Realm, user_id: int, secret: str | None, step: int | None, codes: list[str]) -> None:
    async with transaction() as db:
        await db.execute(
            f"""
            UPDATE {realm.schema}.{realm.table} SET totp_secret = $2, totp_step = $3, recovery_codes = $4 WHERE id = $1
            """,
            user_id,
            secret and encrypt_secret(secret, realm, user_id),
            step,
            [recovery_code_digest(code) for code in codes],
        )


async def verify_code(realm: Realm, user_id: int, code: str) -> bool:
    """Whether the code is valid: the app's or a recovery code. Each works once."""
    table = f"{realm.schema}.{realm.table}"
    async with transaction() as db:
        row = await db.fetchrow(
            f"SELECT totp_secret, totp_step, recovery_codes FROM {table} WHERE id = $1 FOR UPDATE", user_id
        )
        if row is None or row["totp_secret"] is None:
            return False
        secret = decrypt_secret(row["totp_secret"], realm, user_id)
        step = step_of(secret, code) if secret else None
        if secret is not None and step is not None:
            if row["totp_step"] is not None and step <= row["totp_step"]:
                return False
            await db.execute(f"UPDATE {table} SET totp_step = $2 WHERE id = $1", user_id, step)
            if not is_current(row["totp_secret"], realm, user_id):
                stored = encrypt_secret(secret, realm, user_id)
                await db.execute(f"UPDATE {table} SET totp_secret = $2 WHERE id = $1", user_id, stored)
            return True
        digest = recovery_code_digest(code)
        if digest not in row["recovery_codes"]:
            return False
        await db.execute(
            f"UPDATE {table} SET recovery_codes = array_remove(recovery_codes, $2) WHERE id = $1", user_id, digest
        )
        return True
