"""An owner's first day, as one story on a fresh installation: from the printed link to the answer of a host that was killed."""

from collections.abc import Iterator

import pytest

from tests.browser.conftest import OpenTab, running
from tests.browser.house import House
from tests.browser.owner import Owner
from tests.integration.test_separate_processes import free_port


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """As a person starts it: no key of a model, nobody in it; providers reach it at its address."""
    port = str(free_port())
    reached = {"CALLBOARD_PORT": port, "CALLBOARD_PUBLIC_URL": f"http://127.0.0.1:{port}"}
    with running(tmp_path_factory.mktemp("outside"), None, reached) as house:
        yield house


@pytest.mark.timeout(420)
async def test_an_owners_first_day(house: House, open_tab: OpenTab) -> None:
    owner = await Owner.enter(house, open_tab)
    watching = await owner.second_tab()
    await owner.tries_the_agent()
    await owner.keeps_a_script()
    await owner.adds_a_document()
    await owner.builds_a_rule()
    await owner.builds_a_sequence()
    await owner.publishes("Первый выпуск")
    await owner.sees_all_of_it_used()
    await owner.sees_what_the_rule_did()
    await owner.sees_the_steps()
    await owner.connects_a_bot(watching)
    await owner.connects_kommo_and_syncs()
    await owner.answers_in_person()
    await owner.mends_a_wrong_answer()
    await owner.kills_a_host()
