"""A template that was read, and what it makes of a value, an object of the API, or a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ipycontainer.commands.templates.errors import TemplateError
from ipycontainer.commands.templates.execution import Execution
from ipycontainer.commands.templates.functions import FUNCTIONS, HEADER_FUNCTIONS, Function
from ipycontainer.commands.templates.nodes import Nodes
from ipycontainer.commands.templates.parser import parsed
from ipycontainer.commands.templates.shapes import shape
from ipycontainer.commands.templates.values import STRING, GoType, Member, Row, Value, bare, within
from ipycontainer.errors import UsageError

__all__ = ["RowList", "Template", "parse", "parse_or_refuse"]

PARSE_ERROR = 64  # docker's exit code where a template of inspect, info or version is none


@dataclass(frozen=True, slots=True)
class Template:
    """A template's trees by their names. `name` stands in Go's messages."""

    text: str
    trees: Mapping[str, Nodes]
    name: str = ""

    def execute(self, value: Value | None) -> str:
        """Return the text for a value. Raises TemplateError."""
        return self._run(value, FUNCTIONS)

    def of_object(self, thing: Mapping[str, Any], go_type: str = "") -> str:
        """Return the text for an object of docker's API.

        As docker's inspect does it: once on the type that its client knows the object by, and
        where that fails once more on the bare JSON, whose error is told. Raises TemplateError.
        """
        if go_type:
            try:
                return self.execute(within(shape(go_type), thing))
            except TemplateError:
                pass
        return self._run(bare(thing), FUNCTIONS, strict=True)

    def of_fact(self, thing: Mapping[str, Any], go_type: str) -> str:
        """Return the text for what docker's client knows by its type only. Raises TemplateError."""
        return self.execute(within(shape(go_type), thing))

    def of_row(self, fields: Mapping[str, str], go_type: str, label: Label | None = None) -> str:
        """Return the text for a row of a listing, its fields being functions. May fail."""
        return self.execute(Value(_row_type(go_type, fields, label), Row(fields, label)))

    def of_lists(self, lists: Mapping[str, RowList], go_type: str) -> str:
        """Return the text for a struct of several listings, by their names. May fail."""
        members = tuple(
            Member(name, name, GoType("slice", f"[]*{each.go_type}", each.type()))
            for name, each in lists.items()
        )
        kind = GoType("struct", go_type, members=members)
        rows = {name: list(each.rows) for name, each in lists.items()}
        return self.execute(Value(GoType("pointer", f"*{go_type}", kind), rows))

    def head(self, headers: Mapping[str, str], label: Label) -> str:
        """Return the head of a table; what fails in it is left out, as in docker."""
        kind = GoType("map", "formatter.SubHeaderContext", STRING, STRING, methods={"Label": 1})
        execution = Execution(self.text, self.name, self.trees, HEADER_FUNCTIONS, strict=False)
        try:
            return execution.run(Value(kind, Row(headers, label)))
        except TemplateError as error:
            return error.before

    def _run(
        self, value: Value | None, functions: Mapping[str, Function], *, strict: bool = False
    ) -> str:
        return Execution(self.text, self.name, self.trees, functions, strict).run(value)


Label = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class RowList:
    """The rows of one listing, and Go's name of a row's type."""

    go_type: str
    rows: Sequence[Row]

    def type(self) -> GoType:
        """Return the type of a row; of no rows it has no fields that could be asked for."""
        first = self.rows[0] if self.rows else Row({}, None)
        return _row_type(self.go_type, first.fields, first.label)


def _row_type(go_type: str, fields: Mapping[str, str], label: Label | None) -> GoType:
    methods = dict.fromkeys(fields, 0) | ({} if label is None else {"Label": 1})
    return GoType("pointer", f"*{go_type}", GoType("struct", go_type, methods=methods))


def parse(text: str, name: str = "") -> Template:
    """Return the template of a text. Raises TemplateError."""
    try:
        return Template(text, parsed(text, name, FUNCTIONS), name)
    except RecursionError:
        raise TemplateError(f"template: {name}: nested too deeply") from None


def parse_or_refuse(text: str, name: str = "") -> Template:
    """Return the template of a text. Raises UsageError as inspect, info and version do."""
    try:
        return parse(text, name)
    except TemplateError as error:
        raise UsageError(f"template parsing error: {error}", exit_code=PARSE_ERROR) from None
