"""Actors: who is on stage, how they do, and where a conversation is carried."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from gateway.schemas.bodies import Body, View

Part = Literal["host", "delivery", "redis", "postgres"]


class ActorView(View):
    """One actor, as the stage saw it last.

    `generation` names its life: a new one takes its place when it dies or hangs, and `restarts` counts that since the stage began.
    `mailbox` and `activations` are a host's: inputs in hand, and conversations in memory. `memory` is in bytes, `age_s` in seconds.
    """

    name: str
    kind: str
    number: int
    state: Literal["alive", "starting"]
    generation: str
    epoch: int
    pid: int | None
    age_s: float
    memory: int | None
    mailbox: int | None
    activations: int | None
    restarts: int
    why: str
    figures: dict[str, Any]


class ActorsView(View):
    """All actors. `connected`: the stage spoke within 10 s; `age_s`: how long ago. `trials`: this company may end processes, to see."""

    connected: bool
    standby: bool
    age_s: float | None
    dashboard: str
    trials: bool
    actors: list[ActorView]


class PlacedView(View):
    """Which host carries a conversation, and what waits for it there."""

    conversation_id: str
    actor: str
    partition: int
    version: int
    control: str
    open_inputs: int
    last_at: datetime


class TrialBody(Body):
    """What to end. Hosts and delivery are named by number; servers are one each."""

    what: Part
    number: Annotated[int, Field(ge=0, le=255)] = 0


class TrialView(View):
    """What was ended."""

    what: Part
    pid: int


def actor_view(raw: Mapping[str, Any]) -> ActorView:
    """Return an actor of the stage's heartbeat."""
    figures = dict(raw.get("status") or {})
    return ActorView(
        name=f"{raw['kind']}-{raw['number']}",
        kind=raw["kind"],
        number=raw["number"],
        state="alive" if raw.get("state") == "alive" else "starting",
        generation=str(UUID(raw["generation"])),
        epoch=raw["epoch"],
        pid=raw.get("pid"),
        age_s=raw.get("age_s", 0.0),
        memory=raw.get("rss"),
        mailbox=figures.get("mailbox", figures.get("in_hand", figures.get("processing"))),
        activations=figures.get("activations"),
        restarts=raw.get("restarts", 0),
        why=raw.get("why", ""),
        figures={name: value for name, value in figures.items() if isinstance(value, int | float | bool) and name != "rss"},
    )
