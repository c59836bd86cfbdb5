"""The sound of calls: what may be kept (`policy`), which there are (`rows`), and bringing them in (`fetching`)."""
