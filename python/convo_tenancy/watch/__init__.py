"""The live view: what moves, how fast, and who waits for whom."""
