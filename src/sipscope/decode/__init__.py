"""Bytes in, records out: no I/O, no clock, no exceptions for bad input."""
