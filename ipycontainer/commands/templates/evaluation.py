"""Pipelines, fields and calls: what a command of a template comes to.

Source: Go 1.24, text/template/exec.go. An error names the node that was looked at last, which is
why every function says at which node it is, as Go's do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ipycontainer.commands.go_quoting import go_quote
from ipycontainer.commands.templates import nodes
from ipycontainer.commands.templates.comparisons import truth
from ipycontainer.commands.templates.errors import TemplateError
from ipycontainer.commands.templates.functions import RAW, RESULTS, Function
from ipycontainer.commands.templates.moments import METHODS
from ipycontainer.commands.templates.nodes import Node, Pipeline
from ipycontainer.commands.templates.values import (
    ANY,
    BOOL,
    FLOAT,
    INT,
    RUNE,
    STRING,
    GoType,
    Value,
    indirect,
    within,
)

__all__ = ["Evaluation"]


class _Missing:
    """No value comes from an earlier command of the pipeline."""


_MISSING = _Missing()
_Final = Value | None | _Missing


class Evaluation:
    """What an execution knows: the template's text and name, its variables, where it is.

    With `strict` a key that a map does not have is an error.
    """

    def __init__(
        self,
        text: str,
        name: str,
        functions: Mapping[str, Function],
        node: Node,
        strict: bool,
    ) -> None:
        self._text = text
        self._parse_name = self._name = name
        self._functions = functions
        self._strict = strict
        self._node = node
        self._variables: list[tuple[str, Value | None]] = []

    def _failure(self, reason: str) -> TemplateError:
        before = self._text[: self._node.position]
        column = len(before[before.rfind("\n") + 1 :].encode(errors="surrogateescape"))
        place = f"{self._parse_name}:{before.count(chr(10)) + 1}:{column}"
        return TemplateError(
            f"template: {place}: executing {go_quote(self._name)} at <{self._node}>: {reason}"
        )

    def _pipeline(self, dot: Value | None, pipeline: Pipeline) -> Value | None:
        self._node = pipeline
        final: _Final = _MISSING
        for command in pipeline.commands:
            final = self._command(dot, command, final)
            if final is not None and final.kind == "any":
                final = final.target
        value = None if isinstance(final, _Missing) else final
        for variable in pipeline.variables:
            if pipeline.assigns:
                self._assign(variable.names[0], value)
            else:
                self._variables.append((variable.names[0], value))
        return value

    def _assign(self, name: str, value: Value | None) -> None:
        for place in range(len(self._variables) - 1, -1, -1):
            if self._variables[place][0] == name:
                self._variables[place] = (name, value)
                return
        raise self._failure(f"undefined variable: {name}")

    def _variable(self, name: str) -> Value | None:
        for known, value in reversed(self._variables):
            if known == name:
                return value
        raise self._failure(f"undefined variable: {name}")

    def _command(self, dot: Value | None, command: nodes.Command, final: _Final) -> Value | None:
        first, *arguments = command.arguments
        match first:
            case nodes.Identifier():
                return self._function(dot, first, command, arguments, final)
            case nodes.Field() | nodes.Chain():
                return self._reached(dot, first, arguments, final)
            case nodes.Pipeline():
                self._refuse_arguments(first, arguments, final)
                return self._pipeline(dot, first)
            case nodes.Variable():
                if len(first.names) == 1:
                    self._node = first
                    value = self._variable(first.names[0])
                    self._refuse_arguments(first, arguments, final)
                    return value
                return self._reached(dot, first, arguments, final)
        self._node = first
        self._refuse_arguments(first, arguments, final)
        if isinstance(first, nodes.Nil):
            raise self._failure("nil is not a command")
        return self._constant(dot, first)

    def _refuse_arguments(self, first: Node, arguments: Sequence[Node], final: _Final) -> None:
        if arguments or not isinstance(final, _Missing):
            raise self._failure(f"can't give argument to non-function {first}")

    def _constant(self, dot: Value | None, node: Node) -> Value | None:
        match node:
            case nodes.Bool():
                return Value(BOOL, node.value)
            case nodes.Dot():
                return dot
            case nodes.Str():
                return Value(STRING, node.text)
            case nodes.Number():
                return self._ideal(node)
        raise self._failure(f"can't evaluate command {go_quote(str(node))}")

    def _ideal(self, node: nodes.Number) -> Value:
        """Return a number in the type that Go gives a constant."""
        self._node = node
        text = node.text
        if node.imaginary is not None:
            return Value(_COMPLEX, node.imaginary)
        if text.startswith("'"):
            return Value(RUNE, node.whole)
        is_hex = text.lstrip("+-")[:2].lower() == "0x" and not set(text) & set("pP")
        if not is_hex and set(text) & set(".eEpP"):
            return Value(FLOAT, node.real)
        if node.whole is None or node.whole >= 1 << 63:
            raise self._failure(f"{text} overflows int")
        return Value(INT, node.whole)

    def _function(
        self,
        dot: Value | None,
        name: nodes.Identifier,
        node: Node,
        arguments: Sequence[Node],
        final: _Final,
    ) -> Value | None:
        self._node = name
        function = self._functions[name.name]
        return self._call(dot, function, node, name.name, arguments, final)

    def _reached(
        self, dot: Value | None, node: Node, arguments: Sequence[Node], final: _Final
    ) -> Value | None:
        """Return what the fields of something give."""
        self._node = node
        match node:
            case nodes.Field():
                receiver, names = dot, node.names
            case nodes.Variable():
                receiver, names = self._variable(node.names[0]), node.names[1:]
            case nodes.Chain():
                if isinstance(node.node, nodes.Nil):
                    raise self._failure(f"indirection through explicit nil in {node}")
                receiver, names = self._argument(dot, None, node.node), node.names
            case _:
                raise TypeError(type(node).__name__)
        for name in names[:-1]:
            receiver = self._field(dot, name, node, (), _MISSING, receiver)
        return self._field(dot, names[-1], node, arguments, final, receiver)

    def _field(
        self,
        dot: Value | None,
        name: str,
        node: Node,
        arguments: Sequence[Node],
        final: _Final,
        receiver: Value | None,
    ) -> Value | None:
        if receiver is None:
            if self._strict:
                raise self._failure(f"nil data; no entry for key {go_quote(name)}")
            return None
        kind = receiver.type
        found = indirect(receiver)
        if found is None or (found.kind == "any" and found.is_nil):
            raise self._failure(f"nil pointer evaluating {kind}.{name}")
        if name in found.type.methods:
            given = (STRING,) * found.type.methods[name]
            method = Function(given, found.method(name))
            return self._call(dot, method, node, name, arguments, final)
        find = METHODS.get(found.type.name)
        known = None if find is None else find(found, name)
        if known is not None:
            return self._call(dot, known, node, name, arguments, final)
        has_arguments = bool(arguments) or not isinstance(final, _Missing)
        if found.kind == "struct":
            member = found.member(name)
            if member is not None:
                if has_arguments:
                    raise self._failure(f"{name} has arguments but cannot be invoked as function")
                return member
        elif found.kind == "map" and found.type.key in (None, STRING):
            if has_arguments:
                raise self._failure(f"{name} is not a method but has arguments")
            element = found.get(name)
            if element is None and self._strict:
                raise self._failure(f"map has no entry for key {go_quote(name)}")
            return element
        elif found.kind == "pointer":
            inner = found.type.element
            if (
                inner is None
                or inner.kind != "struct"
                or within(inner, None).member(name) is not None
            ):
                raise self._failure(f"nil pointer evaluating {kind}.{name}")
        raise self._failure(f"can't evaluate field {name} in type {kind}")

    def _call(
        self,
        dot: Value | None,
        function: Function,
        node: Node,
        name: str,
        arguments: Sequence[Node],
        final: _Final,
    ) -> Value | None:
        takes, more = function.takes, function.more
        given = len(arguments) + (not isinstance(final, _Missing))
        if more is not None and given < len(takes):
            want = f"at least {len(takes)}"
            raise self._failure(
                f"wrong number of args for {name}: want {want} got {len(arguments)}"
            )
        if more is None and given != len(takes):
            raise self._failure(f"wrong number of args for {name}: want {len(takes)} got {given}")
        types = [takes[i] if i < len(takes) else more for i in range(given)]
        if function.lazy:
            return self._until_known(dot, name, arguments, final)
        values = [
            self._argument(dot, kind, each) for kind, each in zip(types, arguments, strict=False)
        ]
        if not isinstance(final, _Missing):
            values.append(self._fitting(final, types[-1]))
        plain = [_taken(value, kind) for value, kind in zip(values, types, strict=True)]
        try:
            result = function.run(*plain)
        except ValueError as error:
            self._node = node
            callee = arguments[0] if arguments else node
            reason = f"error calling {name}: {error}".replace("{node}", str(callee))
            raise self._failure(reason) from None
        if result is None or isinstance(result, Value):
            return result
        return Value(RESULTS[type(result)], result)

    def _until_known(
        self, dot: Value | None, name: str, arguments: Sequence[Node], final: _Final
    ) -> Value | None:
        value: Value | None = None
        for each in arguments:
            value = self._argument(dot, RAW, each)
            if truth(value) == (name == "or"):
                return value
        return value if isinstance(final, _Missing) else final

    def _argument(self, dot: Value | None, kind: GoType | None, node: Node) -> Value | None:
        self._node = node
        match node:
            case nodes.Dot():
                return self._fitting(dot, kind)
            case nodes.Nil():
                if kind is None or not (kind.can_be_nil or kind is RAW):
                    raise self._failure(f"cannot assign nil to {kind}")
                return None
            case nodes.Variable() if len(node.names) == 1:
                return self._fitting(self._variable(node.names[0]), kind)
            case nodes.Identifier():
                return self._fitting(self._function(dot, node, node, (), _MISSING), kind)
            case nodes.Field() | nodes.Chain() | nodes.Variable():
                return self._fitting(self._reached(dot, node, (), _MISSING), kind)
            case nodes.Pipeline():
                return self._fitting(self._pipeline(dot, node), kind)
        if kind is None or kind is RAW or kind.kind == "any":
            return self._constant(dot, node)
        if kind.kind == "string":
            if not isinstance(node, nodes.Str):
                raise self._failure(f"expected string; found {node}")
            return Value(kind, node.text)
        if kind.kind == "int":
            if not isinstance(node, nodes.Number) or node.whole is None:
                raise self._failure(f"expected integer; found {node}")
            return Value(kind, node.whole)
        raise self._failure(f"can't handle {node} for arg of type {kind}")

    def _fitting(self, value: Value | None, kind: GoType | None) -> Value | None:
        """Return a value in the type that is wanted of it."""
        if kind is None or kind is RAW:
            return value
        if value is None:
            if not kind.can_be_nil:
                raise self._failure(f"invalid value; expected {kind}")
            return None
        if kind.kind == "any" or _assignable(value.type, kind):
            return value
        if value.kind == "any" and value.target is not None:
            value = value.target
            if _assignable(value.type, kind):
                return value
        element = value.type.element
        if value.kind == "pointer" and element is not None and _assignable(element, kind):
            if value.target is None:
                raise self._failure(f"dereference of nil pointer of type {kind}")
            return value.target
        raise self._failure(f"wrong type for value; expected {kind}; got {value.type}")


_COMPLEX = GoType("complex", "complex128")


def _assignable(given: GoType, wanted: GoType) -> bool:
    """Tell whether Go takes one type for another: the same, or one of both has no name."""
    if given.name == wanted.name:
        return True
    unnamed = wanted.name.startswith(("[", "map[")) or given.name.startswith(("[", "map["))
    return (
        unnamed
        and given.kind == wanted.kind
        and given.element == wanted.element
        and given.key == wanted.key
    )


def _taken(value: Value | None, kind: GoType | None) -> Any:
    """Return what a function of docker's is given: Python's value for a text, number or list."""
    if kind is None or kind is RAW or kind is ANY:
        return value
    return [] if value is None or value.data is None else value.data
