"""The tables of what is watched for, the posts that were heard, and the mentions among them."""
