"""`python -m adjoin` is the `adjoin` command.

Python puts the current folder in front of the path of modules for `-m`. Nothing is imported from it: a folder that
is searched may have a `signal/` or a `json.py` of its own.
"""

import sys
from pathlib import Path

if sys.path[:1] and Path(sys.path[0]).resolve() == Path.cwd().resolve() != Path(__file__).resolve().parents[1]:
    del sys.path[0]

from adjoin.cli import main

sys.exit(main())
