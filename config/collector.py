"""The garbage collector of a process that lives long and holds much."""

import gc

# What a server holds (activations, connections, imported frameworks) is no garbage: looking through it after every 700
# objects costs up to a tenth of the CPU.
_THRESHOLDS = (50_000, 20, 100)


def settle() -> None:
    """Look at what exists by now never again, and at what comes seldom; called once, when a process is composed."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
