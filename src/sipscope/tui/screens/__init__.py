"""The screens: each is one thing to look at, with its own keys."""
