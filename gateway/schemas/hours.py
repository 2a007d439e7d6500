"""Hours of a day and days of a week."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from gateway.schemas.bodies import Body

Clock = Annotated[str, StringConstraints(pattern=r"^(|([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"), Field(examples=["09:30"])]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class HoursBody(Body):
    """When something may speak; empty: always. `quiet_*`: not within these hours."""

    from_: Annotated[Clock, Field(alias="from")] = ""
    to: Clock = ""
    quiet_from: Clock = ""
    quiet_to: Clock = ""
    weekdays: Annotated[list[Weekday], Field(max_length=7)] = []  # noqa: RUF012  # pydantic copies defaults


def hours_filled(stored: dict[str, Any]) -> dict[str, Any]:
    """Return stored hours with all that they leave out."""
    return {**HoursBody().model_dump(by_alias=True), **stored}
