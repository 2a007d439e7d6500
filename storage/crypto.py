"""Secrets at rest: AES-256-GCM under a key that never enters the database."""

import base64
import hmac
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from actors.domain.errors import TerminalError

KEY_FILE = "secret.key"
_KEY_BYTES = 32
_NONCE_BYTES = 12  # NIST SP 800-38D: 96 bits; random ones are safe for 2**32 secrets under one key
_VERSION = b"\x01"


class SecretKeyError(TerminalError):
    """The key is malformed, or it is not the one the secrets were stored with."""


class SecretBox:
    """Encrypts and decrypts secrets; what was stored for one purpose does not open for another."""

    def __init__(self, key: bytes) -> None:
        if len(key) != _KEY_BYTES:
            raise SecretKeyError(f"the secret key must be {_KEY_BYTES} bytes, not {len(key)}")
        self._key = key
        self._aead = AESGCM(key)

    def derive(self, purpose: str) -> str:
        """Return a secret that is always the same for a purpose: two who set it at the same time set the same."""
        return base64.urlsafe_b64encode(hmac.digest(self._key, purpose.encode(), "sha256")).decode().rstrip("=")

    def encrypt(self, secret: str, purpose: str) -> bytes:
        """Return what may be stored; `purpose` names the row, e.g. the integration's id."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + nonce + self._aead.encrypt(nonce, secret.encode(), purpose.encode())

    def decrypt(self, stored: bytes, purpose: str) -> str:
        """Return the secret.

        Raises:
            SecretKeyError: the key is another one, or the value was moved or changed.
        """
        if stored[:1] != _VERSION or len(stored) <= 1 + _NONCE_BYTES:
            raise SecretKeyError(f"the stored secret of {purpose} has an unknown format")
        nonce, sealed = stored[1 : 1 + _NONCE_BYTES], stored[1 + _NONCE_BYTES :]
        try:
            return self._aead.decrypt(nonce, sealed, purpose.encode()).decode()
        except InvalidTag as error:
            raise SecretKeyError(
                f"the secret key does not open the stored secret of {purpose}: use the {KEY_FILE} that belongs to this database"
            ) from error


def parse_key(text: str) -> bytes:
    """Return the key from its text form (base64, url-safe).

    Raises:
        SecretKeyError: it is not 32 bytes in base64.
    """
    try:
        key = base64.b64decode(text.strip(), altchars=b"-_", validate=True)
    except ValueError as error:
        raise SecretKeyError("the secret key is not base64") from error
    if len(key) != _KEY_BYTES:
        raise SecretKeyError(f"the secret key must be {_KEY_BYTES} bytes in base64, not {len(key)}")
    return key


def load_or_create_key(data_dir: Path) -> bytes:
    """Return the key of the data directory; several processes that start at once agree on one.

    Raises:
        SecretKeyError: the file is damaged.
        OSError: it can be neither read nor written.
    """
    path = data_dir / KEY_FILE
    if not path.exists():
        _create(path)
    return parse_key(path.read_text(encoding="ascii", errors="replace"))


def _create(path: Path) -> None:
    """Write the whole file aside, then give it its name unless another process was faster."""
    aside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(aside, path)
        except FileExistsError:
            return
    finally:
        aside.unlink()
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
