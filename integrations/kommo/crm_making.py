"""The lead and the contact of a customer: found, or made by one action at a time.

Whoever wants to make one takes its subject first (`lead:contact:5`), so that two who race for it make one. What an earlier
try may have made is found by what it is: a lead by its contact, a contact by its phone number or address; without these, by
its name and our tag among what was made since the first try, unless it was made for somebody else.
"""

from collections.abc import Awaitable, Callable, Iterable

from actors.domain.errors import TerminalError, TransientError
from actors.domain.retry import backoff_s
from actors.ports.crm_actions import Entity
from integrations.kommo.crm_api import CLOSED, Thing, What
from integrations.kommo.crm_values import TAG, digits_of, is_ours, is_reached, reach_of
from integrations.kommo.crm_work import PLURAL, Result, Work, main_contact

SOON = 9  # tries two seconds apart; then patience, for who makes it may wait for Kommo itself
CLOCKS_S = 120  # so far apart Kommo's clock and ours may be
_NAMELESS = "Customer"


async def make_lead(work: Work) -> Result:
    """Find the customer's open lead, or make one."""
    return await _letting_go(work, _make_lead)


async def make_contact(work: Work) -> Result:
    """Find the customer's contact, or make one."""
    return await _letting_go(work, _make_contact)


async def _letting_go(work: Work, make: Callable[[Work], Awaitable[Result]]) -> Result:
    """Whoever fails for good keeps nobody from making it."""
    try:
        return await make(work)
    except TerminalError:
        await work.desk.let_go(work.account, work.action)
        raise


async def _make_lead(work: Work) -> Result:
    if reason := work.scene.broken.get("contact"):
        raise TerminalError(f"the contact was not made: {reason}")
    known = await work.api.one("leads", work.scene.lead_id) if work.scene.lead_id is not None else None
    if known is not None and _is_open(known, work.number("pipeline")):
        return _lead(work, int(known["id"]), found=True)
    contact_id = work.scene.contact_id or main_contact(known)
    subject = f"lead:contact:{contact_id}" if contact_id else f"lead:{work.scene.whose}"
    made = await _take(work, subject)
    there = await work.api.one("leads", made) if made is not None else None
    if there is None or not _is_open(there, work.number("pipeline")):
        there = await _open_lead(work, contact_id, subject)
    work.failpoint("crm.after_look")
    if there is not None:
        return await _kept(work, subject, _lead(work, int(there["id"]), found=True))
    return await _kept(work, subject, _lead(work, await _create(work, "leads", _new_lead(work, contact_id)), found=False))


async def _make_contact(work: Work) -> Result:
    phone, email = work.text("phone"), work.text("email")
    if work.scene.contact_id is not None and await work.api.one("contacts", work.scene.contact_id):
        return _contact(work, work.scene.contact_id, found=True)
    if work.scene.contact_id is None and work.scene.lead_id is not None:
        of_lead = main_contact(await work.api.one("leads", work.scene.lead_id))
        if of_lead is not None:
            return _contact(work, of_lead, found=True)
    reach = reach_of(phone, email)
    subject = f"contact:{reach}" if reach else f"contact:{work.scene.whose}"
    made = await _take(work, subject)
    there = await work.api.one("contacts", made) if made is not None else None
    if there is None and reach:
        like = await work.api.contacts_like(digits_of(phone) or email.strip())
        there = _oldest(item for item in like if is_reached(item, phone, email))
    if there is None:
        there = await _made_before(work, "contact", subject, phone, email)
    work.failpoint("crm.after_look")
    if there is not None:
        return await _kept(work, subject, _contact(work, int(there["id"]), found=True))
    return await _kept(work, subject, _contact(work, await _create(work, "contacts", _new_contact(work)), found=False))


async def _take(work: Work, subject: str) -> int | None:
    turn = await work.desk.take(work.account, subject, work.action, work.turn_s)
    if turn.wait_s > 0:
        soon = work.action.attempts < SOON
        raise TransientError("another action finds or makes the same one", 2.0 if soon else backoff_s(work.action.attempts))
    return turn.made


async def _kept(work: Work, subject: str, result: Result) -> Result:
    entity: Entity = "lead" if subject.startswith("lead:") else "contact"
    await work.desk.made(work.account, subject, work.action, int(result[f"{entity}_id"]))
    work.failpoint("crm.after_made")
    return result


async def _create(work: Work, what: What, body: Thing) -> int:
    work.failpoint("crm.before_create")
    made = await work.api.create(f"/api/v4/{what}", what, body)
    work.failpoint("crm.after_create")
    return made


async def _open_lead(work: Work, contact_id: int | None, subject: str) -> Thing | None:
    """Return the newest open lead of the contact; without one, what an earlier try made."""
    if contact_id is None:
        found = await _made_before(work, "lead", subject, "", "")
        return found if found is not None and _is_open(found, work.number("pipeline")) else None
    leads = [lead for lead in await work.api.leads_of(contact_id) if _is_open(lead, work.number("pipeline"))]
    return max(leads, key=lambda lead: int(lead["id"]), default=None)


async def _made_before(work: Work, entity: Entity, subject: str, phone: str, email: str) -> Thing | None:
    """Return what an earlier try of this action may have made."""
    if work.action.begun_at is None:
        return None
    since = await work.api.made_since(PLURAL[entity], int(work.action.begun_at.timestamp()) - CLOCKS_S)
    if reach_of(phone, email):
        return _oldest(item for item in since if is_reached(item, phone, email))
    ours = [item for item in since if is_ours(item, _name(work))]
    claimed = await work.desk.claimed(work.account, [int(item["id"]) for item in ours], entity, subject) if ours else set()
    return _oldest(item for item in ours if item["id"] not in claimed)


def _oldest(things: Iterable[Thing]) -> Thing | None:
    return min(things, key=lambda thing: int(thing["id"]), default=None)


def _is_open(lead: Thing, pipeline: int) -> bool:
    return lead.get("status_id") not in CLOSED and not lead.get("is_deleted") and pipeline in (0, lead.get("pipeline_id"))


def _name(work: Work) -> str:
    return (work.text("name") or work.scene.name or _NAMELESS)[:250]


def _new_lead(work: Work, contact_id: int | None) -> Thing:
    body = {
        "name": _name(work),
        "pipeline_id": work.number("pipeline"),
        "status_id": work.number("stage"),
        "responsible_user_id": work.number("user"),
        "custom_fields_values": work.fields("leads"),
    }
    tags = [{"name": tag} for tag in dict.fromkeys((TAG, *(work.action.params.get("tags") or ())))]
    about = {"contacts": [{"id": contact_id}]} if contact_id else {}
    return {**{name: value for name, value in body.items() if value}, "_embedded": {"tags": tags, **about}}


def _new_contact(work: Work) -> Thing:
    reached = [("PHONE", work.text("phone")), ("EMAIL", work.text("email"))]
    values = [{"field_code": code, "values": [{"value": text, "enum_code": "WORK"}]} for code, text in reached if text]
    body = {"name": _name(work), "responsible_user_id": work.number("user"), "custom_fields_values": values}
    return {**{name: value for name, value in body.items() if value}, "_embedded": {"tags": [{"name": TAG}]}}


def _lead(work: Work, lead_id: int, *, found: bool) -> Result:
    return work.result(lead_id=lead_id, found=found)


def _contact(work: Work, contact_id: int, *, found: bool) -> Result:
    return work.result(contact_id=contact_id, found=found)
