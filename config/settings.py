"""Settings: the only reader of the environment."""

import difflib
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "CALLBOARD_"
# Kubernetes injects these for a Service named `callboard`: CALLBOARD_SERVICE_HOST, CALLBOARD_PORT_8080_TCP, ...
_KUBERNETES = re.compile(r"^CALLBOARD_(SERVICE|PORT)_[A-Z0-9_]+$")


class SettingsError(Exception):
    """The environment is wrong; the message says which name and what to do."""


def default_data_dir() -> Path:
    """Return /var/lib/callboard for root, ~/.local/share/callboard else."""
    return Path("/var/lib/callboard") if os.geteuid() == 0 else Path.home() / ".local" / "share" / "callboard"


class Settings(BaseSettings):
    """Every setting with its default. Durations are in seconds."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    data_dir: Path = Field(default_factory=default_data_dir, description="where everything that must survive lives")
    host: str = Field("127.0.0.1", description="address the gateway listens on")
    port: int = Field(8080, ge=0, le=65535, description="port the gateway listens on; 0 picks a free one")
    public_url: str = Field("", description="https address under which providers reach the gateway; empty: poll")
    proxies: int = Field(0, ge=0, le=5, description="reverse proxies in front that append to X-Forwarded-For; 0: trust none")
    telegram_api: str = Field("https://api.telegram.org", description="Bot API server")
    webhooks_private: bool = Field(False, description="webhooks of rules may also lead to private addresses")
    pages_private: bool = Field(False, description="documents may also be read from private addresses: whoever is an admin sees them")
    kommo_api: str = Field("", description="replaces the address of every Kommo account, for tests; empty: https://ACCOUNT.kommo.com")
    hosts: int = Field(2, ge=1, le=64, description="ConversationHosts")
    senders: int = Field(1, ge=1, le=16, description="DeliveryActors")
    knowledge: int = Field(1, ge=1, le=16, description="KnowledgeActors; each loads the embedder, 0.9 GB with both models")
    gateways: int = Field(1, ge=1, le=16, description="gateway processes")
    ray_dashboard_port: int = Field(8265, ge=0, le=65535, description="Ray's dashboard, on 127.0.0.1; 0 picks a free one")
    demo: bool = Field(True, description="create the demo tenant at the first start")
    control_socket: str = Field("", description="where the demo reaches its supervisor; `callboard run` sets it")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    model: str = Field("gpt-4.1-mini", description="model an agent uses when it names none")
    fallback_model: str = Field("", description="model that is asked when the first does not answer; empty: none")
    fallback_base_url: str = Field("", description="server of the fallback model; empty: the same as of the first")
    fallback_api_key: SecretStr = Field(SecretStr(""), description="key for fallback_base_url")
    model_prices: dict[str, tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]]] = Field(
        {"gpt-4.1": (2.0, 8.0), "gpt-4.1-mini": (0.4, 1.6), "gpt-4.1-nano": (0.1, 0.4), "gpt-4o": (2.5, 10.0), "gpt-4o-mini": (0.15, 0.6)},
        description='dollars per million tokens, {"model": [question, answer]}; a name counts for all that begin with it, "*" for the rest',
    )
    spend_limit_usd: float = Field(0.0, ge=0, description="dollars a company may spend on models in a day (of UTC); 0: no limit")

    embedder: Literal["auto", "e5+use", "e5", "use"] = Field(
        "auto", description="what turns documents into vectors; auto: both models where torch is installed, use alone else"
    )
    embedder_model: str = Field("", description="directory or name at the hub of an e5 model; empty: made of an installed package")
    knowledge_memory_mb: int = Field(512, ge=16, description="what a KnowledgeActor keeps of searched documents in memory")

    database_url: str = Field("", validation_alias="DATABASE_URL", description="empty: embedded PostgreSQL")
    redis_url: str = Field("", validation_alias="REDIS_URL", description="empty: embedded Redis")
    ray_address: str = Field("", validation_alias="RAY_ADDRESS", description="empty: local Ray")
    openai_api_key: SecretStr = Field(SecretStr(""), validation_alias="OPENAI_API_KEY", description="empty: answer without a model")
    openai_base_url: str = Field("", validation_alias="OPENAI_BASE_URL")

    # Budgets and timeouts. Each number's reason: docs/architecture.md.
    ingest_budget_s: float = Field(0.7, gt=0, description="arrival to commit; after it the spool or a 503")
    reply_wait_s: float = Field(60.0, gt=0, description="how long POST /api/chat waits for an answer")
    model_timeout_s: float = Field(25.0, gt=0)
    telegram_timeout_s: float = Field(8.0, gt=0, description="one Bot API call; below half of lease_s")
    spool_mb: int = Field(
        64, ge=4, le=65_536, description="disk that a gateway takes at its first start, for what comes while PostgreSQL is away"
    )
    lease_s: float = Field(20.0, gt=0, description="an outbox claim")
    idle_s: float = Field(300.0, gt=0, description="after this long without input an activation leaves memory")


def unknown_names(environment: Mapping[str, str]) -> list[str]:
    """Return one sentence for each CALLBOARD_* name that is not a setting."""
    known = {PREFIX + name.upper() for name, f in Settings.model_fields.items() if not f.validation_alias}
    sentences = []
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name in known or _KUBERNETES.match(name):
            continue
        close = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(known))}"
        sentences.append(f"{name} is not a setting of Callboard; {hint}")
    return sentences


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Read the environment once.

    Raises:
        SettingsError: a name or a value is wrong; the message says what to do.
    """
    if unknown := unknown_names(os.environ):
        raise SettingsError("\n".join(unknown))
    try:
        return Settings()
    except ValueError as error:
        raise SettingsError(str(error)) from error
