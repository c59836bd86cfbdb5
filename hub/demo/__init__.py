"""A day in a small firm, for people who want to see the hub before they connect anything of their own.

Nothing here reaches into the hub: `doors` speaks to a running one from outside, as phone systems and mail servers do.
Everybody in it is invented. The German numbers are those that the Bundesnetzagentur keeps free for films.
"""
