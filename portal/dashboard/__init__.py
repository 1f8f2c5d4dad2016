"""The home of each face: what is new, what waits, and everything about a partner."""
