"""What calls to tenants' systems are signed with: derived from the installation's key, so that nothing more has to be kept."""

from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def webhook_secret(key: bytes, tenant_id: UUID) -> str:
    """Return the secret that a tenant's receivers check signatures with."""
    derived = HKDF(SHA256(), 32, salt=None, info=f"callboard webhook {tenant_id}".encode()).derive(key)
    return f"whsec_{derived.hex()}"
