"""Chats in the core: edits, deletions, files, answers."""
