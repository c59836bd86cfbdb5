"""The Matrix connector, sender and fetcher, against a real homeserver."""
