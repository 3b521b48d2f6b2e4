"""The benchmarks. DATA is defined here, because it must be known before the settings are read."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
DATA = ROOT / ".data" / "bench"
