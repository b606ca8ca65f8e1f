"""`--log-driver` and `--log-opt`: docker's words for them, and what a monitor has to know.

All drivers that keep a log keep it in our one format (supervise.log), more or less of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

from ipycontainer.engine import foreign_logs
from ipycontainer.errors import InvalidArgument
from ipycontainer.model.booleans import go_bool
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.state import ContainerRecord
from ipycontainer.model.units import parse_decimal_size, parse_size

__all__ = ["check", "details", "of_request", "shown"]

_ROTATION = frozenset({"max-size", "max-file", "compress"})
_BUFFER_BYTES = 1 << 20  # of mode=non-blocking, where it is not said
_OF_ALL = ("mode", "max-buffer-size")
_KNOWN = {
    "json-file": _ROTATION | {"labels", "labels-regex", "env", "env-regex", "tag"},
    "local": _ROTATION,
    "none": frozenset[str](),
}
_DEFAULTS: Mapping[str, Mapping[str, str]] = {
    "json-file": {},
    "local": {"max-size": "20m", "max-file": "5"},
}
_TAG_FIELD = re.compile(r"\{\{\s*\.?(\w*)\s*\}\}")


def check(driver: str, options: Mapping[str, str]) -> None:
    """Raise InvalidArgument, in the words of docker's daemon, for what it would not create."""
    if driver not in _KNOWN and driver not in foreign_logs.NAMES:
        raise InvalidArgument(
            f'error looking up logging plugin {driver}: plugin "{driver}" not found',
            hint=foreign_logs.HINT,
        )
    for name, value in options.items():
        if name == "mode":
            if value not in ("blocking", "non-blocking", ""):
                raise InvalidArgument(f"logger: logging mode not supported: {value}")
        elif name == "max-buffer-size":
            _buffer(options)
    own = {name: value for name, value in options.items() if name not in _OF_ALL}
    if driver in foreign_logs.NAMES:
        foreign_logs.check(driver, own)
        return
    for name in own:
        if name not in _KNOWN[driver]:
            where = "json-file log driver" if driver == "json-file" else f"log driver {driver}"
            raise InvalidArgument(f"unknown log opt '{name}' for {where}")


def of_request(record: ContainerRecord) -> dict[str, Any] | None:
    """Return what a monitor must know of the log; None for all of it. Raises as docker's start."""
    config = record.config
    if config.log_driver == "none":
        return {"keep": False}
    if config.log_driver in foreign_logs.NAMES:
        raise foreign_logs.refusal(config.log_driver, config.log_options)
    options = {**_DEFAULTS[config.log_driver], **config.log_options}
    size, files = _rotation(options)
    _tag(record, options.get("tag", ""))
    for name in ("labels-regex", "env-regex"):
        _pattern(options.get(name, ""))
    overflow = _buffer(options) if options.get("mode") == "non-blocking" else 0
    if not size and not overflow:
        return None
    return {
        "keep": True,
        "limit": size,
        "files": files if size else 0,
        "overflow": overflow,
        "compress": bool(go_bool(options.get("compress", ""))),
    }


def _buffer(options: Mapping[str, str]) -> int:
    """Return how many bytes wait in memory where the log cannot be written."""
    if "max-buffer-size" not in options:
        return _BUFFER_BYTES
    if options.get("mode") != "non-blocking":
        raise InvalidArgument(
            "logger: max-buffer-size option is only supported with 'mode=non-blocking'"
        )
    text = options["max-buffer-size"]
    try:
        return parse_size(text)
    except InvalidArgument:
        words = f"error parsing option max-buffer-size: invalid size: '{text}'"
        raise InvalidArgument(words) from None


def _pattern(text: str) -> None:
    try:
        re.compile(text)
    except re.error as error:
        reason = _GO_REASONS.get(error.msg, error.msg)
        raise _start_failed(f"error parsing regexp: {reason}: `{text}`") from None


# Go's words for what is wrong with an expression, by Python's.
_GO_REASONS = {
    "unterminated character set": "missing closing ]",
    "missing ), unterminated subpattern": "missing closing )",
    "unbalanced parenthesis": "unexpected )",
    "nothing to repeat": "missing argument to repetition operator",
}


def _rotation(options: Mapping[str, str]) -> tuple[int, int]:
    size, files = 0, 1
    if "max-size" in options:
        try:
            size = parse_decimal_size(options["max-size"])
        except InvalidArgument:
            raise _start_failed(f"invalid size: '{options['max-size']}'") from None
        if size <= 0:
            raise _start_failed("max-size must be a positive number")
    if "max-file" in options:
        text = options["max-file"]
        if re.fullmatch(r"[+-]?\d+", text) is None:
            raise _start_failed(f'strconv.Atoi: parsing "{text}": invalid syntax')
        files = int(text)
        if files < 1:
            raise _start_failed("max-file cannot be less than 1")
    if "compress" in options:
        text = options["compress"]
        compress = go_bool(text)
        if compress is None:
            raise _start_failed(f'strconv.ParseBool: parsing "{text}": invalid syntax')
        if compress and (files < 2 or not size):
            raise _start_failed(
                "compress cannot be true when max-file is less than 2 or max-size is not set"
            )
    return size, files


def _start_failed(reason: str) -> InvalidArgument:
    return InvalidArgument(
        f"failed to create task for container: failed to initialize logging driver: {reason}"
    )


def details(record: ContainerRecord) -> str:
    """Return what `logs --details` puts before each line: labels, environment and tag, by name."""
    config, options = record.config, record.config.log_options
    env = dict(word.partition("=")[::2] for word in config.env)
    found = {
        **_chosen(config.labels, options.get("labels", ""), options.get("labels-regex", "")),
        **_chosen(env, options.get("env", ""), options.get("env-regex", "")),
    }
    if options.get("tag"):
        found["tag"] = _tag(record, options["tag"])
    return ",".join(f"{quote_plus(key)}={quote_plus(found[key])}" for key in sorted(found))


def _chosen(values: Mapping[str, str], names: str, pattern: str) -> dict[str, str]:
    wanted = set(names.split(",")) - {""}
    return {
        key: value
        for key, value in values.items()
        if key in wanted or (pattern and re.search(pattern, key))
    }


def _tag(record: ContainerRecord, template: str) -> str:
    """Return a tag with its fields filled in."""
    digits = record.image_id.removeprefix("sha256:")
    fields = {
        "ID": record.short_id,
        "FullID": record.id,
        "Name": record.name,
        "ImageID": digits[:12],
        "ImageFullID": record.image_id,
        "ImageName": record.config.image,
        "DaemonName": "docker",
    }

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        if name not in fields:
            at = match.start() + 2
            raise _start_failed(
                f'template: log-tag:1:{at}: executing "log-tag" at <.{name}>: '
                f"can't evaluate field {name} in type *logger.Info"
            )
        return fields[name]

    return _TAG_FIELD.sub(fill, template)


def shown(config: ContainerConfig) -> dict[str, Any]:
    """Return docker's `LogConfig`."""
    return {"Type": config.log_driver, "Config": dict(sorted(config.log_options.items()))}
