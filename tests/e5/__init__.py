"""The larger embedder (multilingual-e5-small with USE), where `make e5` installed it."""
