"""The pages on which strangers write to us: no login, no cookie, nothing from elsewhere."""

from hub.web.visitors.routes import PUBLIC, add_routes

__all__ = ["PUBLIC", "add_routes"]
