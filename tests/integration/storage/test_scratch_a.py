from tests.integration.storage.test_plans import *
from tests.integration.storage.test_plans import _handled
async def test_x(real_lab):
    for reset in (False, True):
        if reset:
            for f in await real_lab.owner.fetch("select p.oid::regprocedure::text f from pg_proc p where pronamespace='public'::regnamespace and proname ~ '^(inbox|outbox|turns|conversations)_'"):
                await real_lab.owner.execute(f"alter function {f[0]} reset all")
    shop, host, sender = await real_lab.endpoint(), await carrier(real_lab), await carrier(real_lab, "sender")
    import os
    print("reset", True)
    await run(real_lab, shop, host, sender)
async def test_y(real_lab):
    shop, host, sender = await real_lab.endpoint(), await carrier(real_lab), await carrier(real_lab, "sender")
    await run(real_lab, shop, host, sender)
async def run(real_lab, shop, host, sender):
    keys=[str(n) for n in range(40)]
    for table in ("inbox", "outbox", "conversations"):
        await real_lab.owner.execute(f"alter table {table} set (autovacuum_enabled = off)")
    for v in range(8): await handle(real_lab, keys, v, (host, shop), sender)
    await _handled(real_lab, shop)
    b=await reads(real_lab)
    for v in range(8,10): await handle(real_lab, keys, v, (host, shop), sender)
    a=await reads(real_lab); print({t:a[t]-b[t] for t in a})
