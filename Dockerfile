# syntax=docker/dockerfile:1
# Callboard in a container: not root, a read-only file system, only /data and /tmp are written.
#   docker build -t callboard .
#   docker run --read-only --tmpfs /tmp --shm-size 256m -v callboard:/data -p 8080:8080 callboard
# That is everything in one; compose.yaml runs gateway, stage, PostgreSQL and Redis each by itself.
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
# What changes seldom comes first: these layers are kept while only code changes.
COPY requirements.lock pyproject.toml ./
COPY scripts/runtime_lock.py scripts/
RUN python scripts/runtime_lock.py > /tmp/runtime.lock \
 && python -m venv /opt/callboard \
 && /opt/callboard/bin/pip install --require-hashes --only-binary :all: -r /tmp/runtime.lock
COPY . .
# The package's build hook builds the console with node from PyPI.
RUN python -m pip wheel --no-deps --wheel-dir /wheels . \
 && /opt/callboard/bin/pip install --no-deps --no-index /wheels/*.whl \
 && /opt/callboard/bin/pip check \
 && /opt/callboard/bin/pip uninstall --yes pip

FROM python:${PYTHON}-slim
# The number is part of the contract: volumes belong to it.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin callboard \
 && install --directory --owner=callboard --group=callboard --mode=0700 /data
COPY --from=build /opt/callboard /opt/callboard
ENV PATH=/opt/callboard/bin:$PATH \
    HOME=/data \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    CALLBOARD_DATA_DIR=/data \
    CALLBOARD_HOST=0.0.0.0 \
    CALLBOARD_PORT=8080
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
# `callboard run` and `callboard stage` are made to be process 1: they take away orphans and end everything at SIGTERM, in 10 s at the most.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=90s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health', timeout=4)"]
ENTRYPOINT ["callboard"]
CMD ["run"]
