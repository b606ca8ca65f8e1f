"""`python -m ipycontainer.runtime`: the OCI command line."""

import sys

from ipycontainer.runtime.command_line import main

if __name__ == "__main__":
    sys.exit(main())
