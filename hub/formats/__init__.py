"""Standards, and nothing else: mail, HTML, phone numbers and addresses, calendars, signatures, search terms.

Pure functions: what comes in decides what goes out. Nothing here imports the rest of the hub or knows a provider.
"""
