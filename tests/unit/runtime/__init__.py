"""Runtime: plain classes, without Ray."""
