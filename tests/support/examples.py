"""How many made-up examples the tests try that make them up: `make test EXAMPLES=500` tries more.

They are the same examples in each run, so that a failure can be repeated.
"""

import os

EXAMPLES = int(os.environ.get("EXAMPLES", "20"))
