"""The files of chats: told of by messages, fetched from the provider, kept as long as the message that they came with.

`rows` says what becomes of each, `fetching` brings them in, `kinds` what may be shown in place.
"""
