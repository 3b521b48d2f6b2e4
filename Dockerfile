# The server without a database: the embedded PostgreSQL is for one machine and would be lost with the container, so
# GOKART_DATABASE_URL (or a secret file of that name in /run/secrets) is required. For the dumps of deleted tenants,
# mount a volume and name it in GOKART_DATA_DIR.

# The digest is that of the multi-platform index. To renew it: `docker buildx imagetools inspect python:3.13-slim-trixie`,
# or repos/python/remote/3.13-slim-trixie.md of the repository docker-library/repo-info.
FROM python:3.13-slim-trixie@sha256:9662417aace5ae7b8e2609cce472b72a8958e134ba372808abe9cc1a0c0125e6 AS base

FROM base AS uv
WORKDIR /app
COPY requirements-uv.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements-uv.txt
ENV UV_NO_CACHE=1 \
    UV_PYTHON_DOWNLOADS=never

FROM uv AS assets
WORKDIR /assets
COPY requirements-node.txt assets/package.json assets/package-lock.json ./
ENV PATH=/node/bin:$PATH
RUN uv venv /node \
    && uv pip sync --require-hashes --python /node/bin/python requirements-node.txt \
    && npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM uv AS build
COPY requirements.txt ./
RUN uv venv .venv \
    && uv pip sync --require-hashes --compile-bytecode --python .venv/bin/python requirements.txt
COPY . .
COPY --from=assets /assets/node_modules assets/node_modules
RUN .venv/bin/python -m compileall -q -x '\.venv' .

FROM base
RUN useradd --system --no-create-home --uid 10001 gokart \
    && install --directory --owner=gokart --mode=700 /var/lib/gokart
WORKDIR /app
COPY --from=build /app /app
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    GOKART_HOST=0.0.0.0 \
    GOKART_METRICS_HOST=0.0.0.0 \
    GOKART_WORKERS=4
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=4s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('GOKART_PORT', '8000') + '/readyz', timeout=3)"]
CMD ["python", "-m", "cli", "serve"]
