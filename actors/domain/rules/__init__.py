"""Rules: automation that people write as trigger, conditions and actions."""
