"""What a run is to do; written by the runner, read by the processes of the run."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Bot:
    """A Telegram integration made for the run."""

    integration: str
    account: str
    secret: str


@dataclass(frozen=True, slots=True)
class Plan:
    """One run of the generator."""

    seed: int
    seconds: float
    rate: float
    conversations: int
    gateways: list[str]
    bots: list[Bot]
    ledger: Path
    tenant: str
    api_key: str
    database_url: str
    operators: bool = True

    def write(self, path: Path) -> None:
        """Store the plan."""
        path.write_text(json.dumps({**asdict(self), "ledger": str(self.ledger)}))

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """Load a plan."""
        raw: dict[str, Any] = json.loads(path.read_text())
        return cls(**{**raw, "ledger": Path(raw["ledger"]), "bots": [Bot(**b) for b in raw["bots"]]})
