"""Mentions: public posts that name us, found by queries, read, counted and answered."""
