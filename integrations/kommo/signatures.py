"""What Kommo signs for us."""

import hashlib
import hmac


def is_disconnect(client_id: str, account_id: str, signature: str, client_secret: str) -> bool:
    """Return whether Kommo itself says that an account took its access back."""
    expected = hmac.new(client_secret.encode(), f"{client_id}|{account_id}".encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.strip().lower().encode())
