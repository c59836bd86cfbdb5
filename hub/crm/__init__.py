"""The Directory: the hub's own contacts, companies, deals, cases and orders. It is the CRM where no other is."""
