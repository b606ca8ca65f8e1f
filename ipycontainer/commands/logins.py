"""The verbs login and logout: who we are to a registry."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from ipycontainer.commands.prompt import read_line
from ipycontainer.commands.records import Lines, Outcome
from ipycontainer.commands.verb import Session, verb
from ipycontainer.errors import EngineError, InvalidArgument, RegistryError, UsageError
from ipycontainer.model.reference import DEFAULT_DOMAIN

__all__ = ["login", "logout"]

_HUB_KEY = "https://index.docker.io/v1/"
_STORED_PLAINLY = """! Your password will be stored unencrypted in {path}.
Configure a credential helper to remove this warning. See
https://docs.docker.com/engine/reference/commandline/login/#credentials-store
"""
_INSECURE_PASSWORD = "! Using --password via the CLI is insecure. Use --password-stdin."
_FAILED = "Login did not succeed, error: {}"
_UNAUTHORIZED = 401


@verb("login", "Log in to a registry", "[OPTIONS] [SERVER]", most=1)
@click.option("-p", "--password", default="", help="Password")
@click.option("--password-stdin", is_flag=True, help="Take the password from stdin")
@click.option("-u", "--username", default="", help="Username")
@click.argument("server", required=False)
def login(
    session: Session, password: str, password_stdin: bool, username: str, server: str | None
) -> Outcome:
    """Return docker's words; the credentials are kept where docker keeps them."""
    from ipycontainer.engine import credentials  # brings what no other verb needs

    warnings = (_INSECURE_PASSWORD,) if password else ()
    if password and password_stdin:
        error = UsageError("--password and --password-stdin are mutually exclusive", exit_code=1)
        return Lines(errors=(error,), warnings=warnings)
    if password_stdin:
        if not username:
            raise UsageError("Must provide --username with --password-stdin", exit_code=1)
        password = _read_all(session).removesuffix("\n").removesuffix("\r")
    host = server or DEFAULT_DOMAIN
    told: list[str] = []
    said = ""
    if not username and not password:
        known = credentials.look_up(host)
        if known.username and known.password:
            told.append("Authenticating with existing credentials...")
            try:
                return _done(session, known.username, known.password, host, told, ())
            except EngineError as error:
                refused = isinstance(error, RegistryError) and error.status == _UNAUTHORIZED
                said = "Stored credentials invalid or expired" if refused else _FAILED.format(error)
    if not password and session.ask is None:
        errors = [UsageError(said, exit_code=1)] if said else []
        errors.append(
            UsageError(
                "Error: Cannot perform an interactive login from a non TTY device",
                exit_code=1,
                hint="ipycontainer login -u NAME --password-stdin SERVER",
            )
        )
        return Lines(lines=tuple(told), errors=tuple(errors))
    try:
        username = username.strip() or _answer(
            session, f"{said}\nUsername: " if said else "Username: ", hidden=False
        )
        if not username:
            raise UsageError("Error: Non-null Username Required", exit_code=1)
        password = password or _answer(session, "Password: ", hidden=True)
        if not password:
            raise UsageError("Error: Password Required", exit_code=1)
        return _done(session, username, password, host, told, warnings)
    except EngineError as error:
        return Lines(lines=tuple(told), errors=(error,), warnings=warnings)


def _done(
    session: Session,
    username: str,
    password: str,
    host: str,
    told: Sequence[str],
    warnings: Sequence[str],
) -> Lines:
    """Log in; raises RegistryError where a registry refuses."""
    from ipycontainer.engine import credentials

    done = session.engine.login(username, password, registry=host)
    if credentials.stores_plainly(host):
        warnings = (*warnings, _STORED_PLAINLY.format(path=credentials.config_path()))
    return Lines(lines=(*told, str(done["Status"])), warnings=tuple(warnings))


def _answer(session: Session, question: str, *, hidden: bool) -> str:
    """Ask for a name or a password; without a terminal a line of stdin answers, as with docker."""
    try:
        if session.ask is not None:
            return session.ask(question, hidden)
        if not isinstance(session.stdin, int) or session.stdout is None:
            return ""
        os.write(session.stdout, question.encode())
        return read_line(session.stdin).strip()
    except EOFError:
        raise UsageError("error while reading input: EOF", exit_code=1) from None


def _read_all(session: Session) -> str:
    if isinstance(session.stdin, bytes):
        return session.stdin.decode()
    if session.stdin is None:
        return ""
    with os.fdopen(os.dup(session.stdin), "rb") as file:
        try:
            return file.read(1 << 20).decode()
        except UnicodeDecodeError:
            raise InvalidArgument("the password is not text") from None


@verb("logout", "Log out from a registry", "[SERVER]", most=1)
@click.argument("server", required=False)
def logout(session: Session, server: str | None) -> Outcome:
    """Return docker's line, which is the same whether there was something to remove."""
    session.engine.logout(server or "")
    shown = server or _HUB_KEY
    if "://" in shown and shown != _HUB_KEY:
        shown = shown.partition("://")[2].partition("/")[0]
    return Lines(lines=(f"Removing login credentials for {shown}",))
