"""Backoff as a pure function."""


def backoff_s(attempt: int, *, base_s: float = 1.0, cap_s: float = 300.0, retry_after_s: float | None = None) -> float:
    """Return the delay in seconds before try `attempt + 1` (attempt counts from 1); a provider's own wish wins."""
    if retry_after_s is not None:
        return max(retry_after_s, 0.0)
    return min(cap_s, base_s * 2.0 ** min(attempt - 1, 30))
