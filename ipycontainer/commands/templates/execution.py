"""A template's tree is walked over a value, and text comes out: Go's text, and Go's errors.

Source: Go 1.24, text/template/exec.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ipycontainer.commands.go_quoting import go_quote
from ipycontainer.commands.templates import nodes
from ipycontainer.commands.templates.comparisons import truth
from ipycontainer.commands.templates.errors import TemplateError
from ipycontainer.commands.templates.evaluation import Evaluation
from ipycontainer.commands.templates.functions import Function
from ipycontainer.commands.templates.nodes import Node, Nodes, Pipeline
from ipycontainer.commands.templates.values import INT, STRING, Value, indirect, printed, within

__all__ = ["Execution"]

MAX_DEPTH = 100_000  # of templates in templates, in Go; Python's stack ends before


class _Break(Exception):
    """The range ends."""


class _Continue(Exception):
    """The range goes on."""


class Execution(Evaluation):
    """One execution of a template, and of those that it invokes."""

    def __init__(
        self,
        text: str,
        name: str,
        trees: Mapping[str, Nodes],
        functions: Mapping[str, Function],
        strict: bool,
    ) -> None:
        super().__init__(text, name, functions, trees[name], strict)
        self._trees = trees
        self._invoked: tuple[Node, str] | None = None
        self._out: list[str] = []

    def run(self, dot: Value | None) -> str:
        """Return the text for a value. Raises TemplateError."""
        try:
            return self._run(dot)
        except TemplateError as error:
            error.before = "".join(self._out)
            raise

    def _run(self, dot: Value | None) -> str:
        self._variables = [("$", dot)]
        try:
            self._walk(dot, self._trees[self._name])
        except RecursionError:
            if self._invoked is not None:
                self._node, self._name = self._invoked
            raise self._failure(f"exceeded maximum template depth ({MAX_DEPTH})") from None
        return "".join(self._out)

    # nodes

    def _walk(self, dot: Value | None, node: Node) -> None:
        self._node = node
        match node:
            case nodes.Text():
                self._out.append(node.text)
            case nodes.Nodes():
                for each in node.nodes:
                    self._walk(dot, each)
            case nodes.Action():
                value = self._pipeline(dot, node.pipeline)
                if not node.pipeline.variables:
                    self._node = node
                    self._out.append(_shown(value))
            case nodes.Range():
                self._range(dot, node)
            case nodes.Control():
                self._control(dot, node)
            case nodes.Invocation():
                self._invoke(dot, node)
            case nodes.Break():
                raise _Break
            case nodes.Continue():
                raise _Continue

    def _control(self, dot: Value | None, node: nodes.Control) -> None:
        known = len(self._variables)
        value = self._pipeline(dot, node.pipeline)
        if truth(value):
            self._walk(value if node.word == "with" else dot, node.body)
        elif node.otherwise is not None:
            self._walk(dot, node.otherwise)
        del self._variables[known:]

    def _range(self, dot: Value | None, node: nodes.Range) -> None:
        known = len(self._variables)
        value = indirect(self._pipeline(dot, node.pipeline))
        turns = self._turns(value, node.pipeline)
        if not turns and node.otherwise is not None:
            self._walk(dot, node.otherwise)
        inner = len(self._variables)
        try:
            for index, element in turns:
                self._bind(node.pipeline, index, element)
                try:
                    self._walk(element, node.body)
                except _Continue:
                    pass
                del self._variables[inner:]
        except _Break:
            pass
        del self._variables[known:]

    def _turns(
        self, value: Value | None, pipeline: Pipeline
    ) -> Sequence[tuple[Value | None, Value | None]]:
        """Return the pairs of index and element that a range goes through."""
        if value is None or (value.is_nil and value.kind == "any"):
            return ()
        if value.kind == "slice":
            return [(Value(INT, place), value.at(place)) for place in range(value.size)]
        if value.kind == "map":
            key = value.type.key or STRING
            return [(within(key, each), value.get(each)) for each in value.keys]
        if value.kind in ("int", "uint"):
            if len(pipeline.variables) > 1:
                raise self._failure(
                    f"can't use {printed(value)} to iterate over more than one variable"
                )
            return [(None, Value(value.type, number)) for number in range(value.data)]
        raise self._failure(f"range can't iterate over {printed(value)}")

    def _bind(self, pipeline: Pipeline, index: Value | None, element: Value | None) -> None:
        names = [variable.names[0] for variable in pipeline.variables]
        if not names:
            return
        pairs = zip(names, (index, element) if len(names) > 1 else (element,), strict=True)
        for place, (name, value) in enumerate(pairs):
            if pipeline.assigns:
                self._assign(name, value)
            else:
                top = len(self._variables) - len(names) + place
                self._variables[top] = (name, value)

    def _invoke(self, dot: Value | None, node: nodes.Invocation) -> None:
        if node.name not in self._trees:
            raise self._failure(f"template {go_quote(node.name)} not defined")
        value = None if node.pipeline is None else self._pipeline(dot, node.pipeline)
        before = self._name, self._variables
        self._name, self._variables = node.name, [("$", value)]
        self._invoked = (node, node.name)
        self._walk(value, self._trees[node.name])
        self._name, self._variables = before


def _shown(value: Value | None) -> str:
    """Return a value as an action prints it."""
    if value is None:
        return "<no value>"
    found = indirect(value) if value.kind == "pointer" else value
    return printed(found) if found is not None else "<nil>"
