"""The number of examples that property-based tests generate. `make test EXAMPLES=500` generates more.

Each run generates the same examples, so that a failure can be repeated.
"""

import os

EXAMPLES = int(os.environ.get("EXAMPLES", "20"))
