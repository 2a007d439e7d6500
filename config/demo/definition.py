"""Reads the demo tenant's agent from the package."""

import json
from importlib.resources import files
from typing import Any

TENANT_SLUG = "demo"
TENANT_NAME = "Тёплый дом / Warm Home"


def demo_definition() -> dict[str, Any]:
    """Return the definition of the demo agent, as it is stored with an agent version."""
    definition: dict[str, Any] = json.loads((files("config.demo") / "shop.json").read_text(encoding="utf-8"))
    return definition
