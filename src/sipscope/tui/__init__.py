"""The terminal interface.

Textual reads its settings from the environment when it is first imported, which this
package does in its modules: so they are set here. Only changed lines are painted, at most
twenty times a second: an SSH link and the terminal at its end are slower than the screen.
"""

import os

os.environ.setdefault("TEXTUAL_FPS", "20")
os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
os.environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")

LEAST_HZ, MOST_HZ = 0.1, 20.0


def _refresh_s() -> float:
    """Return how often to look for news: as set, else twice a second over SSH, else four times."""
    try:
        rate = float(os.environ.get("SIPSCOPE_VIEW_REFRESH_HZ", "0"))
    except ValueError:
        rate = 0.0
    if not rate > 0:
        return 0.5 if "SSH_CONNECTION" in os.environ else 0.25
    return 1 / max(LEAST_HZ, min(rate, MOST_HZ))


REFRESH_S = _refresh_s()
"""How often the screens look for news."""
