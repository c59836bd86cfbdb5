"""The shared inbox: conversations with a state, an owner and a team, and what people do to them.

`listing` and `conversation` read, `states` follows what is recorded, `desk` acts (and undoes), `presence` says who is
looking. Nothing here knows of HTTP.
"""
