"""Signatures of calls: receivers know that it was us, and when."""

import hashlib
import hmac

SIGNATURE = "X-Callboard-Signature"
TIMESTAMP = "X-Callboard-Timestamp"
KEY = "X-Callboard-Key"


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return `v1=` and the hex HMAC-SHA256 of `timestamp.body`."""
    return "v1=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
