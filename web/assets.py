"""Files that pages load. A URL of theirs has the digest of the content in it, so that it may be kept for ever."""

from functools import cached_property
from hashlib import blake2b

import msgspec
from litestar import Response

HEADERS = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}


class Asset(msgspec.Struct, frozen=True, dict=True):
    name: str
    content: bytes
    media_type: str

    @cached_property
    def digest(self) -> str:
        return blake2b(self.content, digest_size=6).hexdigest()

    def response(self) -> Response[bytes]:
        return Response(self.content, media_type=self.media_type, headers=HEADERS)
