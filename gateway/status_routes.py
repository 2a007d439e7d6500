"""/health and /metrics: the same probe in two forms."""

import orjson
from aiohttp import web
from prometheus_client import generate_latest

from gateway.api.operation import Plain
from gateway.health import Probe, jobs_json
from gateway.metrics import CONTENT_TYPE, Metrics

_NO_STORE = {"Cache-Control": "no-store"}


class StatusRoutes:
    """Says how the gateway is; needs no credential and shows no tenant's data."""

    def __init__(self, probe: Probe, metrics: Metrics) -> None:
        self._probe = probe
        self._metrics = metrics

    def plain(self) -> list[Plain]:
        """Return the routes."""
        return [
            Plain("GET", "/health", self.health, tag="status", statuses=(200, 503)),
            Plain("GET", "/metrics", self.metrics, tag="status", media=("text/plain", "application/json")),
        ]

    async def health(self, _: web.Request) -> web.Response:
        """Say how everything is: 200 while webhooks can be accepted by database or spool, 503 otherwise."""
        health = await self._probe.look()
        return _json(health.to_json(), status=200 if health.accepts else 503)

    async def metrics(self, request: web.Request) -> web.Response:
        """Show counters as Prometheus text; as JSON with `Accept: application/json`."""
        health = await self._probe.look()
        if "application/json" in request.headers.get("Accept", ""):
            spool = {"depth": health.spool_depth, "hasRoom": health.spool_has_room}
            return _json(
                {
                    **health.to_json(),
                    "jobs": {**jobs_json(health.jobs), "oldestAgeS": round(health.jobs.oldest_age_s, 1)},
                    "spool": spool,
                    "uncertain": dict(health.oddities.uncertain),
                    "ignored": dict(health.oddities.ignored),
                    **self._metrics.counts(),
                }
            )
        self._metrics.odd(health.oddities.uncertain, health.oddities.ignored)
        self._metrics.observe(health.up(), health.spool_depth, dict(jobs_json(health.jobs)), health.jobs.oldest_age_s)
        return web.Response(body=generate_latest(self._metrics.registry), headers={"Content-Type": CONTENT_TYPE, **_NO_STORE})


def _json(document: dict[str, object], status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(document), status=status, content_type="application/json", headers=_NO_STORE)
