"""A step is never claimed after the customer's answer was acknowledged; one that crossed it is marked."""

from pathlib import Path

from tests.integration.sequences.race import POINTS, race


async def test_an_answer_at_every_point_of_a_steps_way(database: str, tmp_path: Path) -> None:
    found = await race(database, tmp_path, 360, seed=7)
    assert found.wrong == 0, found
    assert found.trials == 360
    assert set(found.points) == set(POINTS)
    assert min(found.answered_first, found.crossed) >= 36, found
