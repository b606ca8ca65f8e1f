"""What the OCI command line says: errors and warnings, as lines of text or JSON, there or here.

Other programs read them (conmon, containerd): the shape is logrus', as runc has it. Without `--log`
they go to stderr; with it a failure stands in both places, plain on stderr.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["Log"]


@dataclass(frozen=True, slots=True)
class Log:
    """Where lines go: `path` of a file, "" for stderr; text or json; debug lines or none."""

    path: str = ""
    form: str = "text"
    debugs: bool = False

    def begin(self) -> None:
        """Make the file, so that nothing is done of which could not be told. Raises OSError."""
        if self.path:
            with open(self.path, "a", encoding="utf-8"):
                pass

    def debug(self, message: str) -> None:
        """Say what is done, where that is wanted."""
        if self.debugs:
            self._write("debug", message)

    def warn(self, message: str) -> None:
        """Say what is not as the bundle wants it, and goes on."""
        self._write("warning", message)

    def fail(self, message: str) -> None:
        """Say why nothing was done."""
        self._write("error", message)
        if self.path:
            print(message, file=sys.stderr)

    def _write(self, level: str, message: str) -> None:
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if self.form == "json":
            words = {"level": level, "msg": message, "time": moment}
            line = json.dumps(words, separators=(",", ":"), ensure_ascii=False)
        else:
            line = f'time="{moment}" level={level} msg={json.dumps(message, ensure_ascii=False)}'
        if not self.path:
            print(line, file=sys.stderr)
            return
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(f"{line}\n")
