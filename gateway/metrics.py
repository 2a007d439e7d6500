"""What the gateway counts. Its own registry: nothing else in the process appears at /metrics."""

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Around the two figures that matter: 25 ms (p99 of an answer) and 0.7 s (the budget).
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.7, 1.0, 2.5)


class Metrics:
    """Counters of this process since its start. Labels come from closed sets, never from requests."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._inputs = Counter("callboard_inputs", "inputs by channel and verdict", ["channel", "verdict"], registry=self.registry)
        self._refused = Counter("callboard_refused", "requests refused by reason", ["reason"], registry=self.registry)
        self._ingest = Histogram("callboard_ingest_seconds", "from the whole body to the verdict", registry=self.registry, buckets=_SECONDS)
        self._up = Gauge("callboard_up", "1 if the dependency answers", ["component"], registry=self.registry)
        self._spool = Gauge("callboard_spool_depth", "acknowledged inputs waiting on this machine", registry=self.registry)
        self._waiting = Gauge("callboard_waiting", "inputs waiting for the next commit", registry=self.registry)
        self._uncertain = Gauge("callboard_uncertain", "sends of which nobody knows the outcome", ["channel"], registry=self.registry)
        self._ignored = Gauge("callboard_ignored", "inputs nobody acts on, since the hosts started", ["kind"], registry=self.registry)
        self._jobs = Gauge("callboard_jobs", "jobs by state", ["state"], registry=self.registry)
        self._oldest_job = Gauge("callboard_jobs_oldest_age_seconds", "since the longest waiting job could begin", registry=self.registry)

    def input(self, channel: str, verdict: str, seconds: float) -> None:
        """Count one accepted input and how long its sender waited."""
        self._inputs.labels(channel, verdict).inc()
        self._ingest.observe(seconds)

    def refused(self, reason: str) -> None:
        """Count one refused request."""
        self._refused.labels(reason).inc()

    def observe(self, up: dict[str, bool], spool_depth: int, jobs: dict[str, int], oldest_job_s: float = 0.0) -> None:
        """Take over the state that /health shows."""
        for component, answers in up.items():
            self._up.labels(component).set(1 if answers else 0)
        for state, number in jobs.items():
            self._jobs.labels(state).set(number)
        self._oldest_job.set(oldest_job_s)
        self._spool.set(spool_depth)

    def odd(self, uncertain: Mapping[str, int], ignored: Mapping[str, int]) -> None:
        """Take over what did not go as it should; kinds that hosts have forgotten are not shown any more."""
        for gauge, counts in ((self._uncertain, uncertain), (self._ignored, ignored)):
            gauge.clear()
            for label, number in counts.items():
                gauge.labels(label).set(number)

    def watch(self, waiting: Callable[[], int]) -> None:
        """Show how many inputs wait, as of the moment of the scrape."""
        self._waiting.set_function(waiting)

    def counts(self) -> dict[str, dict[str, float]]:
        """Return the counters for the JSON form: inputs by `channel.verdict` and refusals by reason."""
        return {
            "inputs": {f"{labels['channel']}.{labels['verdict']}": value for labels, value in _samples(self._inputs)},
            "refused": {labels["reason"]: value for labels, value in _samples(self._refused)},
        }


def _samples(counter: Counter) -> list[tuple[dict[str, str], float]]:
    return [(s.labels, s.value) for family in counter.collect() for s in family.samples if s.name.endswith("_total")]
