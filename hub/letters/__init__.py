"""What we write: a letter is composed, held a moment, sent by its source's courier, and followed to its end.

`post` is the way in and what pages and the API call. `compose` makes the mail, `letters` shows and changes it before it
leaves, `couriers` send it, `reports` writes down what came back of it. While mail is recorded, `letters.answered` and
`reports.reported` are called in the batch.
"""
