"""sipscope: live SIP and RTP in the terminal."""

__version__ = "0.1.0"
