"""The examples of docs/drivers.md, shown or named, and what they need of the legacy application."""
