"""A migrated database with both roles connected."""

from tests.integration.storage.conftest import real_lab

__all__ = ["real_lab"]
