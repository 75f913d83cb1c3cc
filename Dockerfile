# The product in one image; docs/deployment.md says how to run it.
#
#   docker build -t registry-integration .
#
# BASE is a Debian 12 or 13. Set the package index as pip reads it (PIP_INDEX_URL) with --build-arg.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
ARG UV_VERSION=0.13.9
ARG PIP_INDEX_URL
ARG UV_DEFAULT_INDEX
# A base image may bring certificates of the company that builds it.
ENV UV_LINK_MODE=copy UV_PYTHON=/usr/bin/python3 UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=true
RUN apt-get update -q \
 && apt-get install -y -q --no-install-recommends python3 python3-venv ca-certificates \
 && python3 -m venv /opt/uv \
 && /opt/uv/bin/pip install --no-cache-dir --disable-pip-version-check "uv==${UV_VERSION}"
WORKDIR /app
COPY pyproject.toml uv.lock ./
# uv checks each package against the hash in uv.lock.
RUN /opt/uv/bin/uv sync --locked --no-dev --no-install-project --compile-bytecode --no-cache
COPY LICENSE README.md prefect.yaml ./
COPY models models
COPY tasks tasks
COPY flows flows
COPY deployments deployments
RUN .venv/bin/python -m compileall -q models tasks flows deployments

FROM ${BASE}
# postgresql-client: backup and restore of PostgreSQL.
RUN apt-get update -q \
 && apt-get install -y -q --no-install-recommends python3 tini ca-certificates postgresql-client \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --gid 0 --home-dir /data --no-create-home app \
 && install -d -o 10001 -g 0 -m 0770 /data
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/data \
    PREFECT_HOME=/data/prefect \
    REGISTRY_INTEGRATION_DATA_DIR=/data \
    REGISTRY_INTEGRATION_CONSOLE_HOST=0.0.0.0 \
    DO_NOT_TRACK=1
# As in pyproject.toml, which a test compares.
LABEL org.opencontainers.image.title="registry-integration" \
      org.opencontainers.image.description="Manage container registries from one place: health, visibility, and pull access for Kubernetes namespaces." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 10001:0
VOLUME ["/data"]
EXPOSE 4200 4201
# Kubernetes has probes of its own. Images in the OCI format have no HEALTHCHECK: Podman and Buildah
# keep it with `--format docker`.
HEALTHCHECK --interval=30s --timeout=10s --start-period=2m --retries=3 \
    CMD ["python", "-m", "deployments.image.healthcheck"]
ENTRYPOINT ["/usr/bin/tini", "--", "python", "-m", "deployments.image"]
CMD ["help"]
