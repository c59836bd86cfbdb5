"""The hub's face: pages, the JSON API, the webhooks of providers, and the live stream."""
