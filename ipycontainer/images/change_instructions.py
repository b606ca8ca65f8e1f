"""The instructions of `import -c`: a few lines of Dockerfile laid over an image's settings.

Pure. Rules and words are docker's (moby `builder/dockerfile`, BuildFromConfig); what this engine
does not carry out is refused by name.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ipycontainer.errors import InvalidArgument
from ipycontainer.images.change_words import expand, split_words
from ipycontainer.model.health import Healthcheck
from ipycontainer.model.image import ImageConfig
from ipycontainer.model.signals import parse_signal
from ipycontainer.model.units import parse_duration

__all__ = ["apply"]

_SHELL = ("/bin/sh", "-c")
_HEALTH_TIMES = {
    "interval": "interval_ns",
    "timeout": "timeout_ns",
    "start-period": "start_period_ns",
    "start-interval": "start_interval_ns",
}
_LEAST_HEALTH_TIME_NS = 1_000_000


def apply(config: ImageConfig, changes: Sequence[str]) -> ImageConfig:
    """Return the settings with the instructions carried out, in order.

    Raises InvalidArgument in docker's words.
    """
    if not changes:
        return config
    instructions = _instructions("\n".join(changes))
    if not instructions:
        raise InvalidArgument("file with no instructions")
    # All names are looked at first: nothing is half done.
    for keyword, _ in instructions:
        if keyword.upper() not in _CHANGES:
            raise InvalidArgument(f"{keyword} is not a valid change command")
    has_command = False
    for keyword, rest in instructions:
        config = _CHANGES[keyword.upper()](config, rest)
        if keyword.upper() == "CMD":
            has_command = has_command or bool(config.command)
        elif keyword.upper() == "ENTRYPOINT" and not has_command:  # the old one's arguments
            config = replace(config, command=(), empty_command=False)
    return config


def _instructions(text: str) -> list[tuple[str, str]]:
    """Return (keyword, rest of the line): comments and empty lines dropped."""
    found: list[tuple[str, str]] = []
    pending = ""
    for line in text.splitlines():
        if line.lstrip().startswith("#") or (pending and not line.strip()):
            continue
        joined = pending + (line if pending else line.lstrip())
        if re.search(r"\\[ \t]*$", joined):
            pending = re.sub(r"\\[ \t]*$", "", joined)
            continue
        pending = ""
        if joined.strip():
            found.append(_keyword(joined))
    if pending.strip():
        found.append(_keyword(pending))
    return found


def _keyword(line: str) -> tuple[str, str]:
    keyword, _, rest = line.strip().replace("\t", " ", 1).partition(" ")
    return keyword, rest.strip()


def _command(keyword: str, rest: str) -> tuple[str, ...]:
    """Return a program in its JSON form, else the line for the shell."""
    if rest.startswith("["):
        try:
            words = json.loads(rest)
        except ValueError:
            words = None
        if isinstance(words, list):
            if not all(isinstance(word, str) for word in words):
                raise InvalidArgument(
                    "When using JSON array syntax, arrays must be comprised of strings only."
                )
            return tuple(words)
    return (*_SHELL, rest) if rest else _SHELL


def _cmd(config: ImageConfig, rest: str) -> ImageConfig:
    command = _command("CMD", rest)
    return replace(config, command=command, empty_command=not command)


def _entrypoint(config: ImageConfig, rest: str) -> ImageConfig:
    return replace(config, entrypoint=_command("ENTRYPOINT", rest) if rest else ())


def _volume(config: ImageConfig, rest: str) -> ImageConfig:
    words = _command("VOLUME", rest) if rest.startswith("[") else tuple(rest.split())
    if words[:2] == _SHELL:  # a bracket that begins no JSON is a name like any other
        words = tuple(rest.split())
    if not words:
        raise InvalidArgument("VOLUME requires at least one argument")
    if not all(word.strip() for word in words):
        raise InvalidArgument("VOLUME specified can not be an empty string")
    return replace(config, volumes=tuple(dict.fromkeys((*config.volumes, *words))))


def _env(config: ImageConfig, rest: str) -> ImageConfig:
    known = _variables(config)
    env = list(config.env)
    for name, value in _pairs("ENV", rest, known):
        if not name:
            raise InvalidArgument("ENV names can not be blank")
        for place, word in enumerate(env):
            if word.partition("=")[0] == name:
                env[place] = f"{name}={value}"
                break
        else:
            env.append(f"{name}={value}")
    return replace(config, env=tuple(env))


def _label(config: ImageConfig, rest: str) -> ImageConfig:
    pairs = _pairs("LABEL", rest, _variables(config))
    if any(not name for name, _ in pairs):
        raise InvalidArgument("LABEL names can not be blank")
    return replace(config, labels={**config.labels, **dict(pairs)})


def _expose(config: ImageConfig, rest: str) -> ImageConfig:
    words = [expand(word, _variables(config)) for word in rest.split()]
    if not words:
        raise InvalidArgument("EXPOSE requires at least one argument")
    ports = dict.fromkeys(config.exposed_ports)
    for word in filter(None, words):  # a variable may be empty
        ports |= dict.fromkeys(_ports(word))
    return replace(config, exposed_ports=tuple(ports))


def _ports(word: str) -> list[str]:
    """Return `80/tcp` for `80`, and each port of a range `80-82/udp`."""
    text, _, protocol = word.partition("/")
    protocol = protocol.lower() or "tcp"
    if protocol not in ("tcp", "udp", "sctp"):
        raise InvalidArgument(f"Invalid proto: {word.partition('/')[2]}")
    first, dash, last = text.partition("-")
    bounds = [first, last] if dash else [first]
    if not all(bound.isascii() and bound.isdigit() and int(bound) <= 65535 for bound in bounds):
        raise InvalidArgument(f"Invalid containerPort: {text}")
    if int(bounds[-1]) < int(first):
        raise InvalidArgument(f"Invalid range specified for the Port: {text}")
    return [f"{port}/{protocol}" for port in range(int(first), int(bounds[-1]) + 1)]


def _on_build(config: ImageConfig, rest: str) -> ImageConfig:
    if not rest:
        raise InvalidArgument("ONBUILD requires at least one argument")
    trigger = rest.split()[0].upper()
    if trigger == "ONBUILD":
        raise InvalidArgument("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if trigger in ("MAINTAINER", "FROM"):
        raise InvalidArgument(f"{trigger} isn't allowed as an ONBUILD trigger")
    return replace(config, on_build=(*config.on_build, rest))


def _user(config: ImageConfig, rest: str) -> ImageConfig:
    return replace(config, user=_single("USER", config, rest))


def _workdir(config: ImageConfig, rest: str) -> ImageConfig:
    path = posixpath.join("/", config.workdir, _single("WORKDIR", config, rest))
    # POSIX lets two leading slashes mean something of their own; Go's path.Clean does not.
    return replace(config, workdir="/" + posixpath.normpath(path).lstrip("/"))


def _healthcheck(config: ImageConfig, rest: str) -> ImageConfig:
    if not rest:
        raise InvalidArgument("HEALTHCHECK requires at least one argument")
    values: dict[str, int] = {}
    words = rest.split(" ")
    while words and words[0].startswith("--"):
        name, equals, value = words.pop(0).removeprefix("--").partition("=")
        key = "retries" if name == "retries" else _HEALTH_TIMES.get(name, "")
        if not key:
            raise InvalidArgument(f"unknown flag: {name}")
        if key in values:
            raise InvalidArgument(f"duplicate flag specified: {name}")
        if not equals:
            raise InvalidArgument(f"missing a value on flag: {name}")
        values[key] = _retries(value) if key == "retries" else _health_time(name, value)
    kind, _, command = " ".join(words).strip().partition(" ")
    if kind.upper() == "NONE":
        if command.strip():
            raise InvalidArgument("HEALTHCHECK NONE takes no arguments")
        return replace(config, healthcheck=Healthcheck(("NONE",)))
    if kind.upper() != "CMD":
        raise InvalidArgument(f'Unknown type "{kind.upper()}" in HEALTHCHECK (try CMD)')
    program = _command("CMD", command.strip())
    if not command.strip():
        raise InvalidArgument("Missing command after HEALTHCHECK CMD")
    test = ("CMD-SHELL", program[-1]) if program[:2] == _SHELL else ("CMD", *program)
    return replace(config, healthcheck=Healthcheck(test, **values))


def _retries(value: str) -> int:
    """Return how often a check may fail, 0 for the default."""
    if not value:
        return 0
    if not re.fullmatch(r"[+-]?[0-9]+", value):
        raise InvalidArgument(f'strconv.ParseInt: parsing "{value}": invalid syntax')
    if int(value) < 0:
        raise InvalidArgument(f"--retries cannot be negative ({int(value)})")
    return int(value)


def _health_time(name: str, value: str) -> int:
    """Return nanoseconds, 0 for the default. Raises InvalidArgument for less than docker takes."""
    if not value:
        return 0
    time_ns = parse_duration(value)
    if time_ns < _LEAST_HEALTH_TIME_NS:
        raise InvalidArgument(f'Interval "{name}" cannot be less than 1ms')
    return time_ns


def _stop_signal(config: ImageConfig, rest: str) -> ImageConfig:
    text = _single("STOPSIGNAL", config, rest)
    parse_signal(text)
    return replace(config, stop_signal=text)


def _single(keyword: str, config: ImageConfig, rest: str) -> str:
    if not rest:
        raise InvalidArgument(f"{keyword} requires exactly one argument")
    return expand(rest, _variables(config))


def _pairs(keyword: str, rest: str, known: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the pairs of `A=1 B="2 3"`, or the one of the old form `A the rest`."""
    words = split_words(rest)
    if not words:
        raise InvalidArgument(f"{keyword} requires at least one argument")
    if "=" not in words[0]:
        name, _, value = rest.partition(words[0])[2], "", ""
        value = name.strip()
        if not value:
            raise InvalidArgument(f"{keyword} must have two arguments")
        return [(expand(words[0], known), expand(value, known))]
    pairs = []
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise InvalidArgument(
                f"Syntax error - can't find = in {json.dumps(word)}."
                " Must be of the form: name=value"
            )
        pairs.append((expand(name, known), expand(value, known)))
    return pairs


def _variables(config: ImageConfig) -> dict[str, str]:
    return dict(word.split("=", 1) for word in config.env if "=" in word)


_CHANGES: Mapping[str, Callable[[ImageConfig, str], ImageConfig]] = {
    "VOLUME": _volume,
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "LABEL": _label,
    "ONBUILD": _on_build,
    "HEALTHCHECK": _healthcheck,
    "STOPSIGNAL": _stop_signal,
    "USER": _user,
    "WORKDIR": _workdir,
}
