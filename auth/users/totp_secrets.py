"""Encrypts the secrets of authenticator apps with GOKART_TOTP_KEY, which servers have and the database does not.

A secret has 20 bytes, so one block of a keystream suffices: HMAC-SHA256 of a random nonce. A second HMAC authenticates
the result. Both include whose secret it is, so that a row's value is of no use in another row
(`docs/decisions/0043-totp-secrets-encrypted.md`).
"""

import hmac
import secrets
from base64 import b32decode, b32encode, urlsafe_b64decode, urlsafe_b64encode

from auth.users.realms import Realm
from settings import settings
from tenants.tenant import bound_tenant

MARK = "1:"  # a plain secret has no colon
NONCE, SECRET, TAG = 8, 20, 16  # bytes; the column holds 64 characters


def encrypt_secret(secret: str, realm: Realm, user_id: int) -> str:
    """The secret as it is stored: in base32, as it is, if there is no key."""
    keys = encryption_keys()
    if not keys:
        return secret
    nonce = secrets.token_bytes(NONCE)
    owner = owner_of(realm, user_id)
    hidden = xor(b32decode(secret), digest(keys[0], b"encrypt", nonce + owner))
    sealed = nonce + hidden + digest(keys[0], b"authenticate", nonce + hidden + owner)[:TAG]
    return MARK + urlsafe_b64encode(sealed).rstrip(b"=").decode()


def decrypt_secret(stored: str, realm: Realm, user_id: int) -> str | None:
    """The secret in base32; None if no key fits, or the value was changed."""
    if not stored.startswith(MARK):
        return stored
    sealed, owner = urlsafe_b64decode(stored.removeprefix(MARK) + "=="), owner_of(realm, user_id)
    nonce, hidden, tag = sealed[:NONCE], sealed[NONCE:-TAG], sealed[-TAG:]
    for key in encryption_keys():
        if hmac.compare_digest(tag, digest(key, b"authenticate", nonce + hidden + owner)[:TAG]):
            return b32encode(xor(hidden, digest(key, b"encrypt", nonce + owner))).decode()
    return None


def is_current(stored: str, realm: Realm, user_id: int) -> bool:
    """Whether it is encrypted with the first key, or there is none."""
    keys = encryption_keys()[:1]
    if not keys or not stored.startswith(MARK):
        return not keys
    sealed = urlsafe_b64decode(stored.removeprefix(MARK) + "==")
    content, tag = sealed[:-TAG] + owner_of(realm, user_id), sealed[-TAG:]
    return hmac.compare_digest(tag, digest(keys[0], b"authenticate", content)[:TAG])


def encryption_keys() -> list[bytes]:
    return [key.encode() for key in settings.totp_keys]


def owner_of(realm: Realm, user_id: int) -> bytes:
    """By the tenant's id, which stays when it is restored under another name."""
    tenant = bound_tenant()
    return f"{tenant.id if tenant else ''}:{realm.name}:{user_id}".encode()


def digest(key: bytes, purpose: bytes, content: bytes) -> bytes:
    return hmac.digest(hmac.digest(key, purpose, "sha256"), content, "sha256")


def xor(text: bytes, pad: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(text, pad, strict=False))
