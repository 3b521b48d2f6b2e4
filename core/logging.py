"""Structured logs on standard error: readable on a terminal, JSON when not."""

import logging
import sys
from typing import Literal

import msgspec
import structlog


def to_json(fields: object, **_: object) -> bytes:
    return msgspec.json.encode(fields, enc_hook=str)


def to_json_text(fields: object, **_: object) -> str:
    return to_json(fields).decode()


def configure_logging(
    log_format: Literal["auto", "console", "json"], level_name: str, *processors: structlog.typing.Processor
) -> None:
    """`auto` is console on a terminal, else JSON. Tracebacks omit local variables, which may contain secrets.
    `processors` add to each line.
    """
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
