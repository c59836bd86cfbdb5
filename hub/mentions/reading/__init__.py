"""What a post is like: its language, its feeling, whether it is another one over again, and what is unusual in how many
there are. Pure functions."""
