"""`python -m plastinka` is the command `plastinka`."""

import sys

from plastinka.doors.cli import main

if __name__ == "__main__":
    sys.exit(main())
