"""Imports the packages that the server uses, and nothing of the project: its settings are read when it is imported."""

# ruff: noqa: F401
import aiosmtplib
import argon2
import asyncpg
import attrs
import cachetools
import jinja2
import litestar.plugins.pydantic
import markdown_it
import piccolo.apps.migrations.commands.forwards
import piccolo.apps.user.tables
import piccolo.conf.apps
import piccolo.engine.postgres
import piccolo_admin.endpoints
import prometheus_client
import pydantic_settings
import pyotp
import python_multipart
import redis.asyncio
import rich.console
import segno
import starlette.requests
import starlette_compress
import structlog
import ua_parser
import uvicorn.lifespan.on
import uvicorn.loops.uvloop
import uvicorn.protocols.http.httptools_impl
import zstandard
