"""Tests of the virtual machine room: collected inside it only, which $IPYCONTAINER_VM says."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("IPYCONTAINER_VM") else ["*.py"]
