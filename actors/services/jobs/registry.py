"""All kinds of jobs by name."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from actors.domain.errors import TerminalError
from actors.ports.jobs import ClaimedJob, JobContext, JobHandler


class JobRegistry:
    """Finds the handler of a job and gives it its payload as the model that it declared."""

    def __init__(self, *handlers: JobHandler[Any]) -> None:
        self._handlers = {handler.name: handler for handler in handlers}
        assert len(self._handlers) == len(handlers), "two handlers have the same name"

    @property
    def names(self) -> frozenset[str]:
        """Return the names of all kinds."""
        return frozenset(self._handlers)

    def timeout_s(self, name: str) -> float:
        """Return how long a try may take; for an unknown kind any time will do."""
        found = self._handlers.get(name)
        return found.timeout_s if found else 1.0

    async def run(self, job: ClaimedJob, context: JobContext) -> Mapping[str, Any]:
        """Carry a job out and return its result.

        Raises:
            TerminalError: nobody knows this kind of job, or its payload does not fit.
            Exception: whatever the handler raises.
        """
        handler = self._handlers.get(job.name)
        if handler is None:
            raise TerminalError(f"this version of Callboard knows no job `{job.name}`: update it, then retry the job")
        return await handler.run(_payload(handler.payload, job), context)


def _payload(model: type[BaseModel], job: ClaimedJob) -> BaseModel:
    try:
        return model.model_validate(job.payload)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        raise TerminalError(f"the job `{job.name}` was asked for with data that it cannot use: {wrong}") from None
