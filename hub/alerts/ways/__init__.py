"""By which ways people are told of alerts: mail, text message, chat, push, and what an administrator adds."""
