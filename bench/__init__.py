"""The measurements. Where they keep their data is said here: the settings must know it before they are read."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
DATA = ROOT / ".data" / "bench"
