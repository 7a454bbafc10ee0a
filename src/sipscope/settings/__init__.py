"""Settings: what a person has chosen, from files, environment and command line."""

from sipscope.settings.loading import load_settings
from sipscope.settings.model import Settings
from sipscope.settings.paths import demo_captures

__all__ = ["Settings", "demo_captures", "load_settings"]
