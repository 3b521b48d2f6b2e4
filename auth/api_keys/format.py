"""The format of API keys: gokart_, 33 random base62 digits (196 bits), and 6 digits of CRC-32 over all before.

The prefix and the checksum let secret scanners find leaked keys and let us reject typos without a database query.
Only the SHA-256 digest is stored: keys are random enough that no slow hash is needed.
"""

import hashlib
import re
import secrets
import string
import zlib

import msgspec

PREFIX = "gokart_"
RANDOM_DIGITS = 33
CHECKSUM_DIGITS = 6
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
SHAPE = re.compile(f"{PREFIX}[0-9A-Za-z]{{{RANDOM_DIGITS + CHECKSUM_DIGITS}}}")


class MintedKey(msgspec.Struct, frozen=True):
    """A new key's token, with the parts that may be stored."""

    token: str
    digest: bytes
    hint: str


def mint_api_key() -> MintedKey:
    body = PREFIX + "".join(secrets.choice(BASE62) for _ in range(RANDOM_DIGITS))
    token = body + checksum(body)
    return MintedKey(token, digest(token), hint(token))


def is_well_formed(token: str) -> bool:
    return bool(SHAPE.fullmatch(token)) and checksum(token[:-CHECKSUM_DIGITS]) == token[-CHECKSUM_DIGITS:]


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def hint(token: str) -> str:
    return f"{token[: len(PREFIX) + 4]}…{token[-4:]}"


def checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(CHECKSUM_DIGITS):
        number, rest = divmod(number, len(BASE62))
        digits = BASE62[rest] + digits
    return digits
