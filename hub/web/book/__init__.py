"""The pages on which people outside book: no login, no cookie, nothing from elsewhere."""

from hub.web.book.routes import PUBLIC, add_routes

__all__ = ["PUBLIC", "add_routes"]
