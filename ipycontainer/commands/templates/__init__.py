"""Go templates, as docker's --format takes them: the whole language, with Go's words for errors.

A text is read once (`parse`) and executed on values that have Go's types: lexer, parser, nodes,
then execution, functions, values; `shapes` has the types of docker's objects. Pure: nothing here
prints or knows a verb.
"""

from __future__ import annotations

from ipycontainer.commands.templates.errors import TemplateError
from ipycontainer.commands.templates.shapes import in_order, recognised
from ipycontainer.commands.templates.template import RowList, Template, parse, parse_or_refuse
from ipycontainer.commands.templates.values import Row

__all__ = [
    "Row",
    "RowList",
    "Template",
    "TemplateError",
    "in_order",
    "parse",
    "parse_or_refuse",
    "recognised",
]
