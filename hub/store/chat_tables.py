"""The tables of the files of chats, and what web pages send in."""
