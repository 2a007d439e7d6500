"""The persona and how it concludes from passages or a model."""
