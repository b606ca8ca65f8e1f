"""Every error of the project, in one tree.

    EngineError                     docker's words in the message, the next step in `hint`
    ├── InvalidArgument             the caller's words are wrong
    │   ├── AmbiguousId             ... several ids begin so
    │   ├── InvalidReference        ... as the name of an image
    │   ├── OutputPathError         ... as the place of a file that is to be written
    │   └── UsageError              ... as a command line: exit code and usage lines come with it
    ├── NotFound
    │   ├── NoSuchContainer
    │   ├── NoSuchNetwork
    │   ├── ImageNotFound
    │   └── NoSuchVolume
    ├── Conflict                    right words, wrong moment
    │   ├── NameInUse
    │   ├── ImageInUse
    │   ├── NetworkInUse
    │   ├── VolumeInUse
    │   ├── BeingStarted
    │   ├── ContainerRunning
    │   └── ContainerNotRunning
    ├── RegistryError               a registry refused, or could not be reached
    ├── ImageFormatError            an archive that breaks its format or leaves its tree
    ├── MonitorLeft                 the other process ended without a word
    ├── ReaderGone                  nobody reads any more what is being written
    ├── ResourceError               the kernel refused
    │   └── StepFailed              ... a step of a start
    │       ├── CommandNotFound     run exits 127
    │       └── CommandNotExecutable run exits 126
    ├── Unsupported                 this machine lacks it, or we do not have it yet
    ├── ProtocolError               a message between our own processes broke the rules
    ├── ContainerError              a program ended with a code other than 0
    └── OperationTimeout

Names that docker-py has keep docker-py's meaning. The text of an error is what docker prints after
`Error response from daemon: `; the face (shell or notebook) adds prefix and hint.
Imports nothing: every room may raise.
"""

from __future__ import annotations

__all__ = [
    "AmbiguousId",
    "BeingStarted",
    "CommandNotExecutable",
    "CommandNotFound",
    "Conflict",
    "ContainerError",
    "ContainerNotRunning",
    "ContainerRunning",
    "EngineError",
    "ImageFormatError",
    "ImageInUse",
    "ImageNotFound",
    "InvalidArgument",
    "InvalidReference",
    "MonitorLeft",
    "NameInUse",
    "NetworkInUse",
    "NoSuchContainer",
    "NoSuchNetwork",
    "NoSuchVolume",
    "NotFound",
    "OperationTimeout",
    "OutputPathError",
    "ProtocolError",
    "ReaderGone",
    "RegistryError",
    "ResourceError",
    "StepFailed",
    "Unsupported",
    "UsageError",
    "VolumeInUse",
    "from_wire",
]


class EngineError(Exception):
    """Say what went wrong in docker's words, and what to do next.

    `run_code` is the exit code that `run` ends with when this error stops it before the program's
    start (docker's: 125 for the engine's own refusals).
    """

    run_code = 125

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def _render_traceback_(self) -> list[str]:
        """Give a notebook one line (two with a hint) instead of a traceback.

        IPython calls this method by name when it shows an exception, so no IPython is needed here.
        """
        return [self.message, *([self.hint] if self.hint else [])]

    def to_wire(self) -> dict[str, object]:
        """Return the error as the JSON object that crosses the border between two processes."""
        return {"type": type(self).__name__, "message": self.message, "hint": self.hint}


class InvalidArgument(EngineError):
    """The caller's words are wrong."""


class InvalidReference(InvalidArgument):
    """A text is not the name of an image."""


class AmbiguousId(InvalidArgument):
    """Several ids begin so."""


class OutputPathError(InvalidArgument):
    """A file cannot be written where the caller wants it.

    In docker its client finds that out, not its daemon.
    """


class UsageError(InvalidArgument):
    """A command line breaks docker's grammar.

    `exit_code` is docker's: 125 for a flag, 1 for the number of arguments. `usage` holds the lines
    that docker's shell prints after the message ("See 'docker run --help'.").
    """

    def __init__(
        self, message: str, *, hint: str = "", exit_code: int = 125, usage: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = exit_code
        self.usage = usage


class NotFound(EngineError):
    """A name or id stands for nothing here."""


class NoSuchContainer(NotFound):
    """No container has this name or id."""


class NoSuchNetwork(NotFound):
    """No network has this name or id."""


class ImageNotFound(NotFound):
    """No image has this name or id."""


class NoSuchVolume(NotFound):
    """No volume has this name."""


class Conflict(EngineError):
    """The request is right, but not in the present state."""


class NameInUse(Conflict):
    """Another container has this name."""


class ImageInUse(Conflict):
    """A container stands on this image."""


class NetworkInUse(Conflict):
    """A container is on this network."""


class VolumeInUse(Conflict):
    """A container, running or not, has this volume."""


class ContainerRunning(Conflict):
    """The request needs a stopped container."""


class ContainerNotRunning(Conflict):
    """The request needs a running container."""


class BeingStarted(Conflict):
    """Somebody else is starting this container, or is about to remove it."""


class MonitorLeft(EngineError):
    """The other process has ended before it said anything."""


class ReaderGone(EngineError):
    """Nobody reads any more what is being written."""


class ImageFormatError(EngineError):
    """An archive or layout breaks its format, or tries to leave its own tree."""


class RegistryError(EngineError):
    """A registry refused, or could not be reached; `status` is that of its answer, 0 for none."""

    def __init__(self, message: str, *, hint: str = "", status: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.status = status

    def to_wire(self) -> dict[str, object]:
        """Return the error as JSON; kinds that only the worker knows are this one elsewhere."""
        return {**super().to_wire(), "type": "RegistryError", "status": self.status}


class ResourceError(EngineError):
    """The kernel refused a request."""


class HomeDamaged(ResourceError):
    """The database of a home cannot be read, or is not there any more."""


class StepFailed(ResourceError):
    """A step of a start failed; `step` names it, `errno` is the kernel's answer (0: none)."""

    def __init__(self, message: str, *, hint: str = "", step: str = "", errno: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.step = step
        self.errno = errno

    def to_wire(self) -> dict[str, object]:
        """Return the error as JSON, step and errno included."""
        return {**super().to_wire(), "step": self.step, "errno": self.errno}


class CommandNotFound(StepFailed):
    """The program does not exist inside the container."""

    run_code = 127


class CommandNotExecutable(StepFailed):
    """The program exists, but may not be executed."""

    run_code = 126


class Unsupported(EngineError):
    """This machine lacks what the request needs, or this version does not have it yet."""


class ProtocolError(EngineError):
    """A message between two of our processes broke the protocol's rules."""


class ContainerError(EngineError):
    """A program ended with a code other than 0.

    Named and shaped as docker-py's: `container`, `exit_status`, `command`, `image`, `stderr`
    (bytes). `exit_code` is the same number under the name that the rest of this package uses.
    """

    def __init__(
        self,
        container: object,
        exit_status: int,
        command: object,
        image: object,
        stderr: bytes | None,
    ) -> None:
        text = f": {stderr.decode(errors='replace')}" if stderr else ""
        super().__init__(
            f"Command '{command}' in image '{image}' "
            f"returned non-zero exit status {exit_status}{text}"
        )
        self.container = container
        self.exit_status = exit_status
        self.command = command
        self.image = image
        self.stderr = stderr

    @property
    def exit_code(self) -> int:
        """Return the program's exit code."""
        return self.exit_status


class OperationTimeout(EngineError):
    """The time that the caller gave ran out."""


def from_wire(wire: dict[str, object]) -> EngineError:
    """Return the error that another of our processes described with `to_wire`.

    An unknown type, as a newer version might send, becomes a plain EngineError with the same text.
    """
    kind = _BY_NAME.get(str(wire.get("type")), EngineError)
    message, hint = str(wire.get("message", "")), str(wire.get("hint", ""))
    if issubclass(kind, StepFailed):
        errno = wire.get("errno", 0)
        return kind(
            message,
            hint=hint,
            step=str(wire.get("step", "")),
            errno=errno if isinstance(errno, int) else 0,
        )
    if issubclass(kind, RegistryError):
        status = wire.get("status", 0)
        return kind(message, hint=hint, status=status if isinstance(status, int) else 0)
    return kind(message, hint=hint)


def _tree(root: type[EngineError]) -> dict[str, type[EngineError]]:
    found = {root.__name__: root}
    for child in root.__subclasses__():
        found |= _tree(child)
    return found


# ContainerError is made from a result on the caller's side and never crosses a border.
_BY_NAME = {name: kind for name, kind in _tree(EngineError).items() if kind is not ContainerError}
