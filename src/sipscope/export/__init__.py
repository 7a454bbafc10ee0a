"""Chosen dialogs and captured packets, written to files."""
