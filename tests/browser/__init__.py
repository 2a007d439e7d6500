"""The console in a real Chromium against a real installation."""
