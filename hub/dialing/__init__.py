"""Calls that we place: may it be (`gate`), one (`calls`), a list of them one after the other (`lists`, `runner`)."""
