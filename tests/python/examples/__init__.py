"""The examples of docs/drivers.md, with what they need of the legacy application."""
