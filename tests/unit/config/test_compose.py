"""compose.yaml, .env.example and the Dockerfile name commands and settings that there are; no container is started here."""

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from actors.runtime.commands.cli import _parser
from config.settings import Settings, unknown_names

ROOT = Path(__file__).parents[3]


def services() -> dict[str, Any]:
    yaml: Any = importlib.import_module("yaml")
    return dict(yaml.safe_load((ROOT / "compose.yaml").read_text())["services"])


def ours() -> dict[str, Any]:
    return {name: service for name, service in services().items() if service["image"] == "callboard"}


@pytest.mark.parametrize("name", sorted(ours()))
def test_a_service_is_a_command_with_known_settings_and_no_rights(name: str) -> None:
    service = ours()[name]
    assert callable(_parser().parse_args(service["command"]).command)
    assert unknown_names(service["environment"]) == []
    plain = {field.validation_alias for field in Settings.model_fields.values()}
    assert {key for key in service["environment"] if not key.startswith("CALLBOARD_")} <= plain
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["volumes"] == ["data:/data"]  # gateway and stage share the key of secrets and the spool


def test_what_is_asked_for_can_be_set_and_what_can_be_set_is_known() -> None:
    example = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    asked = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "compose.yaml").read_text()))
    assert example <= asked
    assert unknown_names(dict.fromkeys(example, "")) == []
    set_by_image = re.findall(r"\b(CALLBOARD_[A-Z_]+)=", (ROOT / "Dockerfile").read_text())
    assert len(set_by_image) == 3
    assert unknown_names(dict.fromkeys(set_by_image, "")) == []


def test_the_servers_are_ready_before_what_needs_them() -> None:
    known = services()
    for name in ("gateway", "stage"):
        assert known[name]["depends_on"] == {
            "migrate": {"condition": "service_completed_successfully"},
            "redis": {"condition": "service_healthy"},
        }
    assert known["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
