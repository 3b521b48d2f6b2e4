"""URL-safe text that clients keep and send back: opaque, and refused if it was changed or is another owner's."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b

DIGEST_BYTES = 6


def seal(prefix: str, owner: bytes, payload: bytes) -> str:
    """`owner`: at most 64 bytes that identify whose it is."""
    return prefix + urlsafe_b64encode(digest(owner, payload) + payload).decode().rstrip("=")


def unseal(prefix: str, owner: bytes, text: str) -> bytes:
    """The payload that was sealed with the same prefix and owner. Raises ValueError."""
    if not text.startswith(prefix):
        raise ValueError("the prefix is missing")
    encoded = text.removeprefix(prefix)
    sealed = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    payload = sealed[DIGEST_BYTES:]
    if sealed[:DIGEST_BYTES] != digest(owner, payload):
        raise ValueError("it was changed, or is another owner's")
    return payload


def digest(owner: bytes, payload: bytes) -> bytes:
    return blake2b(payload, key=owner, digest_size=DIGEST_BYTES).digest()
