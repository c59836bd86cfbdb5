"""What the hub measures of itself (Prometheus). Names of sources and lanes only, never of people."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from hub.batch import Part

_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5)


class Metrics:
    """One registry per running hub."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.items = Counter("hub_ingested", "Items recorded or quarantined", ["source"], registry=self.registry)
        self.commit = Histogram(
            "hub_commit_seconds", "From a batch to its durable commit", buckets=_BUCKETS, registry=self.registry
        )
        self.pop = Histogram(
            "hub_pop_seconds", "From a call's delivery to its pop on the live bus", buckets=_BUCKETS,
            registry=self.registry,
        )  # fmt: skip
        self.behind_messages = Gauge(
            "hub_source_behind_messages", "Lag of a source", ["source"], registry=self.registry
        )
        self.behind_seconds = Gauge("hub_source_behind_seconds", "Lag of a source", ["source"], registry=self.registry)
        self.outbox = Gauge("hub_outbox_waiting", "Deliveries that wait in the outbox", registry=self.registry)
        self.outbox_stuck = Gauge(
            "hub_outbox_stuck", "Deliveries that a person must look at", ["crm", "state"], registry=self.registry
        )
        self.quarantine = Gauge("hub_quarantine_open", "Items in quarantine", registry=self.registry)

    def recorded(self, parts: Sequence[Part], seconds: float) -> None:
        """A batch was committed after *seconds*."""
        self.commit.observe(seconds)
        for part in parts:
            self.items.labels(part.source).inc(len(part.entries) + len(part.refused))
