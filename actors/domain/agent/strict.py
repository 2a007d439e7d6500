"""What a strict agent may say: only figures and addresses that it was given. Words are the model's, numbers never."""

import re

_THOUSANDS = re.compile(r"(?<=\d)[ \u00a0\u202f.,](?=\d{3}(?!\d))")
_NUMBER = re.compile(r"\d+")
_LIST = re.compile(r"^\s*\d{1,2}[.)]\s", re.MULTILINE)  # numbers of a list are nobody's claim
_ADDRESS = re.compile(r"https?://[^\s<>()\"'»]+|www\.[^\s<>()\"'»]+|[\w.+-]+@[\w-]+\.[\w.-]+", re.IGNORECASE)


def unfounded(said: str, given: str) -> str:
    """Return what an answer claims that nothing of the given text says, as a reason; empty if there is nothing."""
    known = set(_NUMBER.findall(given)) | set(_NUMBER.findall(_THOUSANDS.sub("", given)))
    claimed = _ADDRESS.sub(" ", _THOUSANDS.sub("", _LIST.sub("", said)))
    invented = [number for number in _NUMBER.findall(claimed) if number not in known]
    lower = given.lower()
    invented += [address for found in _ADDRESS.findall(said) if (address := found.rstrip(".,;:!?")).lower() not in lower]
    return f"strict: nothing it was given says {', '.join(dict.fromkeys(invented))}"[:300] if invented else ""
