"""Errors as RFC 9457 has them; gateway/problems.py writes them."""

from pydantic import ConfigDict, Field

from gateway.schemas.bodies import View


class FlawView(View):
    """One thing that is wrong, and where."""

    detail: str
    code: str
    pointer: str | None = Field(default=None, description="a JSON pointer into the body")
    parameter: str | None = Field(default=None, description="a name in path, query or headers")


class ProblemView(View):
    """What went wrong. `type` is stable for each kind; some kinds have further members."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:callboard:problem:not-found"])
    title: str
    status: int
    detail: str
    request_id: str = Field(description="also in the header `X-Request-ID`; the log has it")
    errors: list[FlawView] = Field(default=[], description="where the request is not acceptable")
