"""RTP streams and their figures, computed on columns."""
