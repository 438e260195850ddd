"""`python -m adjoin` is the `adjoin` command."""

import sys

from adjoin.cli import main

sys.exit(main())
