"""From a fresh kernel to the first line of a container: load the extension, run `host`, see output.

The clock starts when the cell is sent to a kernel that waits, and stops at the first text from the
container; the home is as new as the kernel.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

from jupyter_client.manager import KernelManager

__all__ = ["first_line", "pandas_import"]

CELL = "%load_ext ipycontainer\n%container run --rm --network none host echo first line"
PATIENCE_SECONDS = 60


def first_line() -> float:
    """Return seconds from the cell to the container's first line, in a new kernel and home."""
    with tempfile.TemporaryDirectory(prefix="ipyc-bench-") as directory:
        home, work = os.path.join(directory, "home"), os.path.join(directory, "work")
        os.mkdir(work)
        environment = {**os.environ, "IPYCONTAINER_HOME": home, "IPYTHONDIR": directory}
        kernel = KernelManager(kernel_name="python3")
        # The kernel's own log: messages about its sockets.
        kernel.start_kernel(cwd=work, env=environment, stderr=subprocess.DEVNULL)
        client = kernel.client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=PATIENCE_SECONDS)
            begin = time.perf_counter()
            client.execute(CELL)
            shown = ""
            while "first line" not in shown:
                message = client.get_iopub_msg(timeout=PATIENCE_SECONDS)
                if message["msg_type"] == "error":
                    raise RuntimeError("\n".join(message["content"]["traceback"]))
                if message["msg_type"] == "stream":
                    shown += message["content"]["text"]
            seconds = time.perf_counter() - begin
        finally:
            client.stop_channels()
            kernel.shutdown_kernel(now=True)
        subprocess.run(
            [sys.executable, "-m", "ipycontainer", "system", "reset", "--force"],
            env=environment,
            cwd=work,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
        )
    return seconds


def pandas_import() -> float:
    """Return the seconds that `import pandas` takes in a fresh interpreter."""
    program = (
        "import time; begin = time.perf_counter(); import pandas; "
        "print(time.perf_counter() - begin)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return float(done.stdout)
