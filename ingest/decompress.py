"""Streaming decompression that detects damaged and truncated data."""

import gzip
import io
import zlib
from typing import Any, BinaryIO, cast

import zstandard

# What reading raises if the data is damaged, truncated or of another format.
DECOMPRESS_ERRORS = (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError)

SLICE_BYTES = 2**10  # zstd may decompress them to 32,768 times as many, all in memory at once
BUFFER_BYTES = 2**18


def decompress(raw: BinaryIO, encoding: str) -> BinaryIO:
    """`encoding` is gzip, zstd or identity."""
    match encoding:
        case "gzip":
            return cast("BinaryIO", gzip.GzipFile(fileobj=raw))
        case "zstd":
            return io.BufferedReader(ZstdFile(raw), BUFFER_BYTES)
        case _:
            return raw


class ZstdFile(io.RawIOBase):
    """Unlike zstandard's own reader, raises EOFError if the data is truncated."""

    def __init__(self, raw: BinaryIO) -> None:
        self.raw = raw
        self.frame: Any = None
        self.compressed = b""
        self.text = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.text and (compressed := self.compressed or self.raw.read(SLICE_BYTES)):
            self.frame = self.frame or zstandard.ZstdDecompressor(max_window_size=2**27).decompressobj()
            self.text = self.frame.decompress(compressed)
            self.compressed = self.frame.unused_data
            if self.frame.eof:
                self.frame = None
        if not self.text and self.frame:
            raise EOFError("it ends in the middle")
        size = min(len(self.text), len(buffer))
        buffer[:size], self.text = self.text[:size], self.text[size:]
        return size
