"""Imported last by the fork server of tests/forked.py: no collector looks through what it has imported, so no child copies those pages."""

import gc

gc.collect()
gc.freeze()
