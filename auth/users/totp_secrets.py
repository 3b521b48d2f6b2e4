"""Encrypts the secrets of authenticator apps with GOKART_TOTP_KEY, which servers have and the database does not.

AES-256-GCM with a random nonce. The user is authenticated data: a value that is copied to another user's row
cannot be decrypted (`docs/decisions/0043-totp-secrets-encrypted.md`).
"""

import os
from base64 import b32decode, b32encode, urlsafe_b64decode, urlsafe_b64encode
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING

from auth.users.realms import Realm
from settings import settings
from tenants.tenant import bound_tenant

if TYPE_CHECKING:  # it takes 6 MB, in the processes that have a key
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE = 12  # bytes
ENCRYPTED_LENGTH = 64  # characters; a plain secret has 32


def encrypt_secret(secret: str, realm: Realm, user_id: int) -> str:
    """The secret as it is stored: in base32, as it is, if there is no key."""
    if not ciphers():
        return secret
    nonce = os.urandom(NONCE)
    encrypted = ciphers()[0].encrypt(nonce, b32decode(secret), owner_of(realm, user_id))
    return urlsafe_b64encode(nonce + encrypted).decode()


def decrypt_secret(stored: str, realm: Realm, user_id: int) -> str | None:
    """The secret in base32; None if no key fits, or the value was changed."""
    if len(stored) != ENCRYPTED_LENGTH:
        return stored
    secrets = (decrypt(cipher, stored, realm, user_id) for cipher in ciphers())
    return next((secret for secret in secrets if secret is not None), None)


def is_current(stored: str, realm: Realm, user_id: int) -> bool:
    """Whether it is encrypted with the first key, or there is none."""
    if not ciphers():
        return True
    return len(stored) == ENCRYPTED_LENGTH and decrypt(ciphers()[0], stored, realm, user_id) is not None


def decrypt(cipher: "AESGCM", stored: str, realm: Realm, user_id: int) -> str | None:
    from cryptography.exceptions import InvalidTag

    encrypted = urlsafe_b64decode(stored)
    try:
        secret = cipher.decrypt(encrypted[:NONCE], encrypted[NONCE:], owner_of(realm, user_id))
    except InvalidTag:
        return None
    return b32encode(secret).decode()


@cache
def ciphers() -> "list[AESGCM]":
    """The first one encrypts. The settings' keys are random text of any length."""
    if not settings.totp_keys:
        return []
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return [AESGCM(sha256(key.encode()).digest()) for key in settings.totp_keys]


def owner_of(realm: Realm, user_id: int) -> bytes:
    """By the tenant's id, which stays when it is restored under another name."""
    tenant = bound_tenant()
    return f"{tenant.id if tenant else ''}:{realm.name}:{user_id}".encode()
