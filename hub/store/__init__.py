"""The store: tables, transactions, set statements and blobs."""

from hub.store.engine import Lane, Store, StoreLocked

__all__ = ["Lane", "Store", "StoreLocked"]
