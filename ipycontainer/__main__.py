"""`python -m ipycontainer`: docker's command line on the engine of this package."""

import sys

from ipycontainer.commands.shell import main

if __name__ == "__main__":
    sys.exit(main())
