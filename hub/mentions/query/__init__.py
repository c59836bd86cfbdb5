"""Queries: the language in which people say what they want to hear of, and how posts are matched with it.

docs/QUERIES.md is the manual.
"""

from hub.mentions.query.matcher import Matcher
from hub.mentions.query.parser import Query, parse
from hub.mentions.query.posts import LOOKED_AT, MOST_SPANS, Hit, Post, QueryError, Span
from hub.mentions.query.proposing import Proposal, proposals

__all__ = [
    "LOOKED_AT",
    "MOST_SPANS",
    "Hit",
    "Matcher",
    "Post",
    "Proposal",
    "Query",
    "QueryError",
    "Span",
    "parse",
    "proposals",
]
