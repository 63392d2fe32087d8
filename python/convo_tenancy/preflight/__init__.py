"""Whether the phases to come can be deployed, and which locks they take; changes nothing."""
