"""Models that turn texts into vectors. Everything heavy is imported when a model is made, never before."""
