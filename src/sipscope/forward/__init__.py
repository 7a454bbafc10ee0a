"""What is taken, sent on to HEP servers such as HOMER."""
