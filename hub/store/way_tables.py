"""The tables of the ways by which people are told of alerts, and of who subscribes to them."""
