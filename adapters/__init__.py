"""One folder for each outside CRM or ERP, named after it: `adapter = "name"` in the config opens `adapters.name`.

An adapter (`hub.Adapter`) makes sure that the CRM has a contact, and writes onto it what happened; docs/ADAPTERS.md
says what it must do and what the hub does for it. None is here yet: third parties bring theirs by entry points.
"""
