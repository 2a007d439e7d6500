"""The daily digest over the API: its plan, what is refused, and one for whoever asks."""

import asyncpg

from tests.integration.gateway.browser import arrive
from tests.integration.gateway.company import Company
from tests.integration.gateway.desk import Desk
from tests.integration.gateway.processes import GatewayProcess

DIGEST = "/api/digest"


async def test_it_is_off_until_somebody_plans_it(gateway: GatewayProcess, company: Company) -> None:
    desk = Desk(gateway, company)
    plan = await desk.do("GET", DIGEST)
    assert plan.items() >= {"enabled": False, "hour": 9, "time_zone": "UTC", "next_at": None, "owners": []}.items()
    body = {"enabled": True, "hour": 7, "time_zone": "Asia/Yekaterinburg"}
    plan = await desk.do("PUT", DIGEST, body)
    assert {name: plan[name] for name in body} == body
    assert plan["next_at"].endswith("02:00:00Z")
    (schedule,) = [item for item in (await desk.do("GET", "/api/schedules"))["items"] if item["key"] == "digest:daily"]
    assert (schedule["cron"], schedule["enabled"]) == ("0 7 * * *", True)
    plan = await desk.do("PUT", DIGEST, {**body, "enabled": False})
    assert (plan["enabled"], plan["next_at"]) == (False, None)


async def test_what_is_no_plan_is_refused_with_its_place(gateway: GatewayProcess, company: Company) -> None:
    desk = Desk(gateway, company)
    good = {"enabled": True, "hour": 7, "time_zone": "UTC"}
    for wrong, pointer in (({"hour": 24}, "/hour"), ({"time_zone": "Mars/Crater"}, "/time_zone"), ({"enabled": "maybe"}, "/enabled")):
        problem = await desk.do("PUT", DIGEST, {**good, **wrong}, expect=422)
        assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert (await desk.do("GET", DIGEST))["enabled"] is False


async def test_one_to_try_is_for_people_who_linked_their_telegram(gateway: GatewayProcess, company: Company, database: str) -> None:
    assert "not linked" in (await Desk(gateway, company).do("POST", f"{DIGEST}/try", expect=409))["detail"]  # keys have none
    ann = await arrive(gateway, database, company.tenant_id, "admin", "ann@example.com")
    assert (await ann.send("POST", f"{DIGEST}/try"))[0] == 409
    owner = await asyncpg.connect(database)
    link = """
    with chat as (
      insert into conversations (tenant_id, integration_id, key, kind, partition) values ($1, $2, '5', 'chat', 0) returning id)
    insert into operator_chats (user_id, tenant_id, conversation_id) select u.id, $1, chat.id from chat, users u where u.email = $3"""
    await owner.execute(link, company.tenant_id, next(iter(company.bots)), "ann@example.com")
    first, second = [await ann.send("POST", f"{DIGEST}/try") for _ in range(2)]
    assert (first[0], first[1]) == (202, second[1])  # while it waits, it is the same
    payload = await owner.fetchval("select payload->>'user_id' from jobs where name = 'digest:daily'")
    assert payload == str(await owner.fetchval("select id from users where email = 'ann@example.com'"))
    await owner.close()
