"""The tree of a template: what the parser makes and the execution walks.

Source: Go 1.24, text/template/parse/node.go. str() of a node is how Go shows it in errors;
`position` counts characters from the start of the text.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ipycontainer.commands.go_quoting import go_quote

__all__ = [
    "Action",
    "Bool",
    "Break",
    "Chain",
    "Command",
    "Continue",
    "Control",
    "Dot",
    "Else",
    "End",
    "Field",
    "Identifier",
    "Invocation",
    "Nil",
    "Node",
    "Nodes",
    "Number",
    "Pipeline",
    "Range",
    "Str",
    "Text",
    "Variable",
]


@dataclass(slots=True)
class Node:
    """Base of all nodes."""

    position: int


@dataclass(slots=True)
class Text(Node):
    """What stands outside of actions."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(slots=True)
class Nodes(Node):
    """Several nodes, one after another."""

    nodes: list[Node] = field(default_factory=list)

    def __str__(self) -> str:
        return "".join(map(str, self.nodes))


@dataclass(slots=True)
class Bool(Node):
    """`true` or `false`."""

    value: bool

    def __str__(self) -> str:
        return "true" if self.value else "false"


@dataclass(slots=True)
class Number(Node):
    """A constant: `whole` where it is an integer, `real` where it is a number at all."""

    text: str
    whole: int | None
    real: float | None
    imaginary: complex | None = None

    def __str__(self) -> str:
        return self.text


@dataclass(slots=True)
class Str(Node):
    """A constant text; `quoted` as it was written."""

    quoted: str
    text: str

    def __str__(self) -> str:
        return self.quoted


@dataclass(slots=True)
class Dot(Node):
    """The cursor `.`."""

    def __str__(self) -> str:
        return "."


@dataclass(slots=True)
class Nil(Node):
    """The word nil."""

    def __str__(self) -> str:
        return "nil"


@dataclass(slots=True)
class Identifier(Node):
    """A function's name."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(slots=True)
class Field(Node):
    """`.A.B`: fields of the dot."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return "".join(f".{name}" for name in self.names)


@dataclass(slots=True)
class Variable(Node):
    """`$x.A`: a variable, and fields of it."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(self.names)


@dataclass(slots=True)
class Chain(Node):
    """`(pipeline).A.B`: fields of what another node gives."""

    node: Node
    names: tuple[str, ...]

    def __str__(self) -> str:
        inner = f"({self.node})" if isinstance(self.node, Pipeline) else str(self.node)
        return inner + "".join(f".{name}" for name in self.names)


@dataclass(slots=True)
class Command(Node):
    """A function, field or constant with its arguments."""

    arguments: list[Node] = field(default_factory=list)

    def __str__(self) -> str:
        return " ".join(f"({a})" if isinstance(a, Pipeline) else str(a) for a in self.arguments)


@dataclass(slots=True)
class Pipeline(Node):
    """Commands, each the last argument of the next, and the variables that get the result."""

    variables: list[Variable] = field(default_factory=list)
    assigns: bool = False
    commands: list[Command] = field(default_factory=list)

    def __str__(self) -> str:
        names = ", ".join(map(str, self.variables))
        head = f"{names} {'=' if self.assigns else ':='} " if names else ""
        return head + " | ".join(map(str, self.commands))


@dataclass(slots=True)
class Action(Node):
    """`{{pipeline}}`."""

    pipeline: Pipeline

    def __str__(self) -> str:
        return f"{{{{{self.pipeline}}}}}"


@dataclass(slots=True)
class Control(Node):
    """`{{if}}` or `{{with}}` (`word`), with what follows it and its `{{else}}`."""

    word: str
    pipeline: Pipeline
    body: Nodes
    otherwise: Nodes | None

    def __str__(self) -> str:
        other = "" if self.otherwise is None else f"{{{{else}}}}{self.otherwise}"
        return f"{{{{{self.word} {self.pipeline}}}}}{self.body}{other}{{{{end}}}}"


@dataclass(slots=True)
class Range(Control):
    """`{{range}}`."""


@dataclass(slots=True)
class Invocation(Node):
    """`{{template "name" pipeline}}`."""

    name: str
    pipeline: Pipeline | None

    def __str__(self) -> str:
        given = "" if self.pipeline is None else f" {self.pipeline}"
        return f"{{{{template {go_quote(self.name)}{given}}}}}"


@dataclass(slots=True)
class Break(Node):
    """`{{break}}`."""

    def __str__(self) -> str:
        return "{{break}}"


@dataclass(slots=True)
class Continue(Node):
    """`{{continue}}`."""

    def __str__(self) -> str:
        return "{{continue}}"


@dataclass(slots=True)
class End(Node):
    """`{{end}}`: only while parsing."""

    def __str__(self) -> str:
        return "{{end}}"


@dataclass(slots=True)
class Else(Node):
    """`{{else}}`: only while parsing."""

    def __str__(self) -> str:
        return "{{else}}"
