"""Routing plans: what a caller hears and whose phones ring, where the hub answers (docs/ROUTING.md).

asked ─▶ `known` (who calls, who is there) ─▶ `engine` (pure) ─▶ step
"""
