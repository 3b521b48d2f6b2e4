"""Structured logs on standard error: readable on a terminal, JSON when not."""

import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
import structlog

log = structlog.get_logger()


def to_json(fields: object, **_: object) -> bytes:
    return msgspec.json.encode(fields, enc_hook=str)


def to_json_text(fields: object, **_: object) -> str:
    return to_json(fields).decode()


class DirectLog:
    """Writes lines of level info as structlog writes them as JSON, without its chain of calls: each request has one."""

    def __init__(self, processors: Sequence[structlog.typing.Processor]) -> None:
        self._processors = processors
        self._write = structlog.BytesLogger(sys.stderr.buffer).info

    def info(self, event: str, fields: dict[str, Any]) -> None:
        fields |= {"event": event, "level": "info", "timestamp": datetime.now(UTC)}
        for process in self._processors:
            process(None, "info", fields)
        self._write(to_json(fields))


_direct: DirectLog | None = None


def log_info(event: str, fields: dict[str, Any]) -> None:
    """A line of level info. Changes `fields`. For what is logged so often that structlog's chain of calls counts."""
    if _direct is not None:
        _direct.info(event, fields)
    else:
        log.info(event, **fields)


def configure_logging(
    log_format: Literal["auto", "console", "json"], level_name: str, *processors: structlog.typing.Processor
) -> None:
    """`auto` is console on a terminal, else JSON. Tracebacks omit local variables, which may contain secrets.
    `processors` add to the fields of each line.
    """
    global _direct  # noqa: PLW0603  # one for the whole process, as in structlog
    console = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    level = logging.getLevelName(level_name.upper())
    shared: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        *processors,
    ]
    if console:
        console_renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        own: list[structlog.typing.Processor] = [console_renderer]
        of_libraries = own
    else:
        own = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(to_json)]
        of_libraries = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(to_json_text)]
    structlog.configure(
        processors=[*shared, *own],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=(
            structlog.PrintLoggerFactory(sys.stderr) if console else structlog.BytesLoggerFactory(sys.stderr.buffer)
        ),
        cache_logger_on_first_use=True,
    )
    _direct = None if console or level > logging.INFO else DirectLog(processors)
    # Libraries (uvicorn, asyncpg) log through the standard library, in the same format.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *of_libraries,
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(level, logging.INFO), force=True)
