"""The terminal interface.

Textual reads its settings from the environment when it is first imported, which this
package does in its modules: so they are set here. Only changed lines are painted, at most
twenty times a second: an SSH link and the terminal at its end are slower than the screen.
"""

import os

os.environ.setdefault("TEXTUAL_FPS", "20")
os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
os.environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")

REFRESH_S = 0.5 if "SSH_CONNECTION" in os.environ else 0.25
"""How often the screens look for news."""
