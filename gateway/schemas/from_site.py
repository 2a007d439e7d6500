"""Agents from sites: what is sent and what is shown."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import BeforeValidator, Field, StringConstraints

from actors.domain.knowledge.crawling import with_scheme
from actors.services.jobs.agent_from_site import PROPOSING
from gateway.schemas.agents import Title
from gateway.schemas.bodies import Body, Text, View, cleaned
from gateway.schemas.knowledge_incoming import SiteAddress, SiteView, site_view
from gateway.schemas.scripts import Phrase
from storage.knowledge.from_site import AcceptedScript, Begun, Waiting

ProposalId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,40}$"), BeforeValidator(cleaned)]
MOST_PHRASES = 50
MOST_SCRIPTS = 100


class FromSiteBody(Body):
    """The address of a company's site."""

    address: SiteAddress

    @property
    def host(self) -> str:
        """Return what the agent is called until its site is read."""
        return urlsplit(with_scheme(self.address)[0]).netloc.rpartition("@")[2][:200]


class FromSiteAccepted(View):
    """An agent that was begun, and the job that reads its site and proposes: `GET /api/agents/{agent_id}/from-site`."""

    job_id: UUID
    agent_id: UUID
    site_id: UUID


class ProposalView(View):
    """A script that could be: what customers say, and the answer as the page `source` has it."""

    id: str
    name: str
    phrases: list[str]
    answer: str
    source: str


class NearView(View):
    """A page that may have to do with a question."""

    title: str
    address: str


class OpenView(View):
    """A question that customers ask and the site does not surely answer. `hint`: sentences of its pages that may."""

    id: str
    name: str
    question: str
    phrases: list[str]
    near: list[NearView]
    hint: str


class ProposalsView(View):
    """All that was found on a site.

    `way` says who made the answers: `extractive`: they are sentences of the site; `model`: a model wrote them, and what it wrote was
    compared with the site. `why`: why no model did, where there is one. `notice`: little was found; `nothing` readable, a page for
    logging in, or only one page.
    """

    way: Literal["extractive", "model"]
    why: str
    language: str
    name: str
    pages: int
    passages: int
    notice: Literal["", "nothing", "login", "one-page"]
    proposals: list[ProposalView]
    open: list[OpenView]


class FromSiteView(View):
    """How far an agent is that was begun from a site. `created`: scripts were accepted; until then its name is the site's host."""

    agent_id: UUID
    name: str
    state: Literal["reading", "proposing", "ready", "failed", "created"]
    site: SiteView
    found: ProposalsView | None
    made_at: datetime | None
    accepted_at: datetime | None
    accepted_by: str


class WaitingView(View):
    """An agent that was begun from a site and is not created yet."""

    agent_id: UUID
    name: str
    address: str
    state: Literal["reading", "ready", "failed"]


class WaitingList(View):
    """Agents whose proposals nobody accepted yet, the newest first."""

    items: list[WaitingView]


class AcceptedBody(Body):
    """A proposal that is to be a script, or an answer to an open question; `id` is theirs. Texts may differ from what was proposed."""

    id: ProposalId
    name: Title
    phrases: Annotated[list[Phrase], Field(min_length=1, max_length=MOST_PHRASES)]
    answer: Text


class AcceptBody(Body):
    """The agent's name, and the scripts it begins with."""

    name: Title
    scripts: Annotated[list[AcceptedBody], Field(max_length=MOST_SCRIPTS)]


def accepted_scripts(body: AcceptBody) -> list[AcceptedScript]:
    """Return what was accepted."""
    return [AcceptedScript(script.id, script.name, script.phrases, script.answer) for script in body.scripts]


def from_site_view(begun: Begun) -> FromSiteView:
    """Return how far an agent is."""
    found = ProposalsView.model_validate(_lists(asdict(begun.found))) if begun.found else None
    return FromSiteView(
        agent_id=begun.draft.id,
        name=begun.draft.name,
        state=_state(begun),
        site=site_view(begun.site),
        found=found,
        made_at=begun.made_at,
        accepted_at=begun.accepted_at,
        accepted_by=begun.accepted_by,
    )


def waiting_view(waiting: Waiting) -> WaitingView:
    """Return an agent that is not created yet."""
    return WaitingView.model_validate(waiting, from_attributes=True)


def _state(begun: Begun) -> Literal["reading", "proposing", "ready", "failed", "created"]:
    if begun.accepted_at is not None:
        return "created"
    if begun.found is not None:
        return "ready"
    if begun.site.state == "reading":
        return "proposing" if begun.site.note == PROPOSING else "reading"
    return "failed"


def _lists(value: Any) -> Any:
    """Return tuples as lists: views are strict about neither, JSON knows only these."""
    if isinstance(value, dict):
        return {name: _lists(item) for name, item in value.items()}
    return [_lists(item) for item in value] if isinstance(value, list | tuple) else value
