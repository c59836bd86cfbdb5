"""The tables of alerts, the rules that raise them, and the ways by which people are told."""
