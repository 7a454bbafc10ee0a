"""The dialog store: dialogs, their states and times, and their media."""
