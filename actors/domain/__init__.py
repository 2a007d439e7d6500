"""Pure decisions: no await, no clock, no driver, no logging."""
