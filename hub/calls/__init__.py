"""Calls: what is known of one (`fold`), who has to call back (`missed`), what is kept of its sound (`recordings`)."""
