"""Booking: event types, the times they offer, and the promise that what is booked is kept."""
