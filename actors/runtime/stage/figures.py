"""What bodies say about themselves, in Ray's own metrics: `ray_callboard_mailbox{actor="host-0"}` and so on."""

import re
from collections.abc import Mapping
from typing import Any

from ray.util.metrics import Gauge

_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}")
_TAG = ("actor",)


class Figures:
    """The numbers of one actor as gauges. Names come from the bodies' own code, so there are few."""

    def __init__(self, actor: str) -> None:
        self._tags = {"actor": actor}
        self._gauges: dict[str, Gauge] = {}

    def show(self, status: Mapping[str, Any]) -> None:
        """Take over what the body said just now; what is no number is left out."""
        for name, value in status.items():
            if isinstance(value, int | float) and _NAME.fullmatch(name):
                self._gauge(name).set(float(value), tags=self._tags)

    def _gauge(self, name: str) -> Gauge:
        if name not in self._gauges:
            words = name.replace("_", " ")
            self._gauges[name] = Gauge(f"callboard_{name}", description=f"{words} of an actor, as it says itself", tag_keys=_TAG)
        return self._gauges[name]
