"""Go's template parser: items become a tree, with Go's errors.

Source: Go 1.24, text/template/parse/parse.go. The look-ahead of three items is Go's too, since the
line in an error is that of the item that was read last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ipycontainer.commands.go_quoting import go_quote
from ipycontainer.commands.templates import nodes
from ipycontainer.commands.templates.constants import number, unquoted
from ipycontainer.commands.templates.errors import TemplateError
from ipycontainer.commands.templates.lexer import Item, Kind, items
from ipycontainer.commands.templates.nodes import Node, Nodes, Pipeline

__all__ = ["parsed"]

_OPERANDS = frozenset(
    {
        Kind.BOOL,
        Kind.CHAR_CONSTANT,
        Kind.COMPLEX,
        Kind.DOT,
        Kind.FIELD,
        Kind.IDENTIFIER,
        Kind.NUMBER,
        Kind.NIL,
        Kind.RAW_STRING,
        Kind.STRING,
        Kind.VARIABLE,
        Kind.LEFT_PAREN,
    }
)
_CONSTANTS = (nodes.Bool, nodes.Str, nodes.Number, nodes.Nil, nodes.Dot)
_START = Item(Kind.ERROR, 0, "", 0)


def parsed(text: str, name: str, functions: Collection[str]) -> dict[str, Nodes]:
    """Return the trees of a text, by their names: its own is `name`. Raises TemplateError."""
    trees: dict[str, Nodes] = {}
    parser = _Parser(_Items(text), name, functions, trees)
    parser.add(name, parser.top())
    return trees


class _Items:
    """The items with a look-ahead, shared by a template and the definitions inside it."""

    def __init__(self, text: str) -> None:
        self._source: Iterator[Item] = items(text)
        self._token = [_START, _START, _START]
        self._peeked = 0

    @property
    def line(self) -> int:
        """Return the line of the item that was read last."""
        return self._token[0].line

    def next(self) -> Item:
        if self._peeked:
            self._peeked -= 1
        else:
            self._token[0] = self._read()
        return self._token[self._peeked]

    def back(self, *earlier: Item) -> None:
        """Give the last item back, and those before it: the latest first."""
        for place, item in enumerate(earlier, 1):
            self._token[place] = item
        self._peeked = len(earlier) + 1 if earlier else self._peeked + 1

    def peek(self) -> Item:
        if not self._peeked:
            self._peeked = 1
            self._token[0] = self._read()
        return self._token[self._peeked - 1]

    def next_word(self) -> Item:
        while (item := self.next()).kind is Kind.SPACE:
            pass
        return item

    def peek_word(self) -> Item:
        item = self.next_word()
        self.back()
        return item

    def _read(self) -> Item:
        return next(self._source, Item(Kind.EOF, 0, "", self._token[0].line))


class _Parser:
    """One template; a definition inside it has a parser of its own on the same items."""

    def __init__(
        self, source: _Items, name: str, functions: Collection[str], trees: dict[str, Nodes]
    ) -> None:
        self._items = source
        self._name = name
        self._functions = functions
        self._trees = trees
        self._variables = ["$"]
        self._ranges = 0
        self._action_line = 0

    def add(self, name: str, tree: Nodes) -> None:
        """Keep a tree under its name; an empty one gives way to another."""
        if name not in self._trees or _is_empty(self._trees[name]):
            self._trees[name] = tree
        elif not _is_empty(tree):
            raise self._error(f"template: multiple definition of template {go_quote(name)}")

    def top(self) -> Nodes:
        """Return the tree of a whole text."""
        source = self._items
        tree = Nodes(source.peek().position)
        while source.peek().kind is not Kind.EOF:
            if source.peek().kind is Kind.LEFT_DELIM:
                delimiter = source.next()
                if source.next_word().kind is Kind.DEFINE:
                    self._definition()
                    continue
                source.back(delimiter)
            node = self._text_or_action()
            if isinstance(node, nodes.End | nodes.Else):
                raise self._error(f"unexpected {node}")
            tree.nodes.append(node)
        return tree

    def _error(self, message: str) -> TemplateError:
        return TemplateError(f"template: {self._name}:{self._items.line}: {message}")

    def _unexpected(self, item: Item, context: str) -> TemplateError:
        if item.kind is not Kind.ERROR:
            return self._error(f"unexpected {item} in {context}")
        extra = ""
        if self._action_line not in (0, item.line):
            extra = f" in action started at {self._name}:{self._action_line}"
            if item.text.endswith(" action"):
                extra = extra.removeprefix(" in action")
        return self._error(f"{item}{extra}")

    def _expect(self, kind: Kind, context: str) -> Item:
        item = self._items.next_word()
        if item.kind is not kind:
            raise self._unexpected(item, context)
        return item

    def _inner(self) -> _Parser:
        return _Parser(self._items, self._name, self._functions, self._trees)

    def _definition(self) -> None:
        context = "define clause"
        inner = self._inner()
        name = inner._template_name(self._items.next_word(), context)
        inner._expect(Kind.RIGHT_DELIM, context)
        tree, end = inner._list()
        if not isinstance(end, nodes.End):
            raise inner._error(f"unexpected {end} in {context}")
        inner.add(name, tree)

    def _list(self) -> tuple[Nodes, Node]:
        """Return the nodes up to the next end or else, and that."""
        tree = Nodes(self._items.peek_word().position)
        while self._items.peek_word().kind is not Kind.EOF:
            node = self._text_or_action()
            if isinstance(node, nodes.End | nodes.Else):
                return tree, node
            tree.nodes.append(node)
        raise self._error("unexpected EOF")

    def _text_or_action(self) -> Node:
        item = self._items.next_word()
        if item.kind is Kind.TEXT:
            return nodes.Text(item.position, item.text)
        if item.kind is not Kind.LEFT_DELIM:
            raise self._unexpected(item, "input")
        self._action_line = item.line
        try:
            return self._action()
        finally:
            self._action_line = 0

    def _action(self) -> Node:
        item = self._items.next_word()
        match item.kind:
            case Kind.BLOCK:
                return self._block()
            case Kind.BREAK | Kind.CONTINUE:
                return self._leave(item)
            case Kind.ELSE:
                return self._else()
            case Kind.END:
                return nodes.End(self._expect(Kind.RIGHT_DELIM, "end").position)
            case Kind.IF | Kind.WITH | Kind.RANGE:
                return self._control(item.text)
            case Kind.TEMPLATE:
                return self._invocation()
        self._items.back()
        return nodes.Action(self._items.peek().position, self._pipeline("command"))

    def _leave(self, item: Item) -> Node:
        shown = f"{{{{{item.text}}}}}"
        after = self._items.next_word()
        if after.kind is not Kind.RIGHT_DELIM:
            raise self._unexpected(after, shown)
        if not self._ranges:
            raise self._error(f"{shown} outside {{{{range}}}}")
        kind = nodes.Break if item.kind is Kind.BREAK else nodes.Continue
        return kind(item.position)

    def _else(self) -> Node:
        item = self._items.peek_word()
        if item.kind not in (Kind.IF, Kind.WITH):  # "else if" is read as else, then if
            item = self._expect(Kind.RIGHT_DELIM, "else")
        return nodes.Else(item.position)

    def _control(self, word: str) -> Node:
        known = len(self._variables)
        pipeline = self._pipeline(word)
        is_range = word == "range"
        self._ranges += is_range
        body, end = self._list()
        self._ranges -= is_range
        otherwise = None
        if isinstance(end, nodes.Else):
            again = self._items.peek()
            if word in ("if", "with") and again.text == word and again.kind is not Kind.TEXT:
                self._items.next()
                otherwise = Nodes(end.position, [self._control(word)])
            else:
                otherwise, end = self._list()
                if not isinstance(end, nodes.End):
                    raise self._error(f"expected end; found {end}")
        del self._variables[known:]
        kind = nodes.Range if is_range else nodes.Control
        return kind(pipeline.position, word, pipeline, body, otherwise)

    def _block(self) -> Node:
        context = "block clause"
        item = self._items.next_word()
        name = self._template_name(item, context)
        pipeline = self._pipeline(context)
        inner = self._inner()
        tree, end = inner._list()
        if not isinstance(end, nodes.End):
            raise self._error(f"unexpected {end} in {context}")
        inner.add(name, tree)
        return nodes.Invocation(item.position, name, pipeline)

    def _invocation(self) -> Node:
        context = "template clause"
        item = self._items.next_word()
        name = self._template_name(item, context)
        pipeline = None
        if self._items.next_word().kind is not Kind.RIGHT_DELIM:
            self._items.back()
            pipeline = self._pipeline(context)
        return nodes.Invocation(item.position, name, pipeline)

    def _template_name(self, item: Item, context: str) -> str:
        if item.kind not in (Kind.STRING, Kind.RAW_STRING):
            raise self._unexpected(item, context)
        return self._constant(item)

    def _constant(self, item: Item) -> str:
        try:
            return unquoted(item.text)
        except ValueError as error:
            raise self._error(str(error)) from None

    def _pipeline(self, context: str, end: Kind = Kind.RIGHT_DELIM) -> Pipeline:
        pipeline = Pipeline(self._items.peek_word().position)
        self._declarations(pipeline, context)
        while (item := self._items.next_word()).kind is not end:
            if item.kind not in _OPERANDS:
                raise self._unexpected(item, context)
            self._items.back()
            pipeline.commands.append(self._command())
        if not pipeline.commands:
            raise self._error(f"missing value for {context}")
        for stage, command in enumerate(pipeline.commands[1:], 2):
            if isinstance(command.arguments[0], _CONSTANTS):
                raise self._error(f"non executable command in pipeline stage {stage}")
        return pipeline

    def _declarations(self, pipeline: Pipeline, context: str) -> None:
        source = self._items
        while (variable := source.peek_word()).kind is Kind.VARIABLE:
            source.next()
            after, word = source.peek(), source.peek_word()
            comma = word.kind is Kind.CHAR and word.text == ","
            if not comma and word.kind not in (Kind.ASSIGN, Kind.DECLARE):
                if after.kind is Kind.SPACE:
                    source.back(after, variable)
                else:
                    source.back(variable)
                return
            source.next_word()
            names = tuple(variable.text.split("."))
            pipeline.variables.append(nodes.Variable(variable.position, names))
            self._variables.append(variable.text)
            if not comma:
                pipeline.assigns = word.kind is Kind.ASSIGN
                return
            if context != "range" or len(pipeline.variables) > 1:
                raise self._error(f"too many declarations in {context}")
            following = source.peek_word().kind
            if following not in (Kind.VARIABLE, Kind.RIGHT_DELIM, Kind.RIGHT_PAREN):
                raise self._error("range can only initialize variables")

    def _command(self) -> nodes.Command:
        command = nodes.Command(self._items.peek_word().position)
        while True:
            self._items.peek_word()  # leading spaces
            operand = self._operand()
            if operand is not None:
                command.arguments.append(operand)
            item = self._items.next()
            if item.kind is Kind.SPACE:
                continue
            if item.kind in (Kind.RIGHT_DELIM, Kind.RIGHT_PAREN):
                self._items.back()
            elif item.kind is not Kind.PIPE:
                raise self._unexpected(item, "operand")
            break
        if not command.arguments:
            raise self._error("empty command")
        return command

    def _operand(self) -> Node | None:
        node = self._term()
        if node is None or self._items.peek().kind is not Kind.FIELD:
            return node
        position = self._items.peek().position
        names: tuple[str, ...] = ()
        while self._items.peek().kind is Kind.FIELD:
            names += (self._items.next().text[1:],)
        if isinstance(node, nodes.Field | nodes.Variable):
            return type(node)(position, node.names + names)
        if isinstance(node, _CONSTANTS):
            raise self._error(f"unexpected . after term {go_quote(str(node))}")
        return nodes.Chain(position, node, names)

    def _term(self) -> Node | None:
        item = self._items.next_word()
        match item.kind:
            case Kind.IDENTIFIER:
                if item.text not in self._functions:
                    raise self._error(f"function {go_quote(item.text)} not defined")
                return nodes.Identifier(item.position, item.text)
            case Kind.DOT:
                return nodes.Dot(item.position)
            case Kind.NIL:
                return nodes.Nil(item.position)
            case Kind.VARIABLE:
                if item.text not in self._variables:
                    raise self._error(f"undefined variable {go_quote(item.text)}")
                return nodes.Variable(item.position, (item.text,))
            case Kind.FIELD:
                return nodes.Field(item.position, (item.text[1:],))
            case Kind.BOOL:
                return nodes.Bool(item.position, item.text == "true")
            case Kind.CHAR_CONSTANT | Kind.COMPLEX | Kind.NUMBER:
                try:
                    return number(item.position, item.text)
                except ValueError as error:
                    raise self._error(str(error)) from None
            case Kind.LEFT_PAREN:
                return self._pipeline("parenthesized pipeline", Kind.RIGHT_PAREN)
            case Kind.STRING | Kind.RAW_STRING:
                return nodes.Str(item.position, item.text, self._constant(item))
        self._items.back()
        return None


def _is_empty(tree: Nodes) -> bool:
    """Tell whether a tree is nothing but space."""
    return all(isinstance(node, nodes.Text) and not node.text.strip() for node in tree.nodes)
