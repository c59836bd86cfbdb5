"""The XMPP connector, sender and fetcher, against a real server."""
