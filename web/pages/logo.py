"""The tenant's logo: which images are accepted, and GET /logo/{digest}."""

from hashlib import blake2b

import msgspec
from litestar import Response, route
from litestar.params import FromPath

from core.errors import GokartError
from database.pool import connection
from tenants.tenant import current_tenant
from web.pages.assets import CACHE_HEADERS
from web.problems import Problem
from web.requests import READ_METHODS

MAX_BYTES = 100_000
MAX_SIDE = 1000  # pixels
# Segments of a JPEG file that begin with the size of the image: SOF0 to SOF15, without DHT, JPG and DAC.
JPEG_SIZES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class Logo(msgspec.Struct, frozen=True):
    content: bytes
    media_type: str
    width: int
    height: int

    @property
    def digest(self) -> str:
        """In the URL, so that caches may keep the image for good."""
        return blake2b(self.content, digest_size=16).hexdigest()


def read_logo(content: bytes) -> Logo:
    """By its bytes, whatever its name says: PNG, JPEG or WebP. Raises GokartError."""
    if len(content) > MAX_BYTES:
        raise GokartError(f"logo: The file is larger than {MAX_BYTES // 1000} kB.")
    try:
        media_type, width, height = read_image_size(content)
    except (ValueError, IndexError) as error:
        raise GokartError(
            "logo: Choose a PNG, JPEG or WebP image. The file is of another type, or is damaged."
        ) from error
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise GokartError(
            f"logo: The image has {width:,} by {height:,} pixels. It may have at most {MAX_SIDE:,} by {MAX_SIDE:,}."
        )
    return Logo(content, media_type, width, height)


def read_image_size(content: bytes) -> tuple[str, int, int]:
    """The media type, width and height. Raises ValueError or IndexError for anything else than PNG, JPEG and WebP."""
    if content[:8] == b"\x89PNG\r\n\x1a\n" and content[12:16] == b"IHDR":
        return "image/png", number(content[16:20]), number(content[20:24])
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp", *read_webp_size(content)
    if content[:2] == b"\xff\xd8":
        return "image/jpeg", *read_jpeg_size(content)
    raise ValueError


def number(content: bytes) -> int:
    """Of 2 to 4 bytes, the most significant first. Raises ValueError where the file has ended."""
    if len(content) < 2:
        raise ValueError
    return int.from_bytes(content, "big")


def read_webp_size(content: bytes) -> tuple[int, int]:
    """By the first chunk, whose numbers begin with the least significant byte."""
    match content[12:16]:
        case b"VP8 ":
            return number(content[27:25:-1]) & 0x3FFF, number(content[29:27:-1]) & 0x3FFF
        case b"VP8L":
            bits = number(content[24:20:-1])
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X":
            return number(content[26:23:-1]) + 1, number(content[29:26:-1]) + 1
    raise ValueError


def read_jpeg_size(content: bytes) -> tuple[int, int]:
    """Raises IndexError if no segment has a size."""
    at = 2
    while content[at] == 0xFF:
        if content[at + 1] in JPEG_SIZES:
            return number(content[at + 7 : at + 9]), number(content[at + 5 : at + 7])
        at += 2 + number(content[at + 2 : at + 4])
    raise ValueError


@route("/logo/{digest:str}", http_method=READ_METHODS, include_in_schema=False)
async def logo(digest: FromPath[str]) -> Response[bytes]:
    """Everybody may see it: pages show it before anybody has signed in."""
    async with connection() as db:
        row = await db.fetchrow(
            f"SELECT content, media_type FROM {current_tenant().schema}.logo WHERE digest = $1",
            digest.replace("\0", ""),
        )
    if row is None:
        raise Problem(404, "This logo has been replaced.")
    return Response(row["content"], media_type=row["media_type"], headers=CACHE_HEADERS)
