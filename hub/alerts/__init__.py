"""Alerts: who is told of what, by which rule, and how that goes on until somebody has seen to it."""
