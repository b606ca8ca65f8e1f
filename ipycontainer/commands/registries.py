"""The verbs that speak with registries: pull, push, login, logout."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from ipycontainer.commands.limit_options import client_warnings
from ipycontainer.commands.records import Lines, Outcome
from ipycontainer.commands.suggesting import nearest_image
from ipycontainer.commands.verb import Session, silently, verb
from ipycontainer.engine.single_choices import is_for, other_platform
from ipycontainer.errors import (
    EngineError,
    ImageNotFound,
    InvalidArgument,
    InvalidReference,
    UsageError,
)
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.reference import DEFAULT_DOMAIN, DEFAULT_TAG, Reference, parse

if TYPE_CHECKING:
    pass

__all__ = ["check_policy", "fetch", "login", "logout", "pull", "push"]

_HUB_KEY = "https://index.docker.io/v1/"
_STORED_PLAINLY = """! Your password will be stored unencrypted in {path}.
Configure a credential helper to remove this warning. See
https://docs.docker.com/engine/reference/commandline/login/#credentials-store
"""
_INSECURE_PASSWORD = "! Using --password via the CLI is insecure. Use --password-stdin."


@verb("pull", "Download an image from a registry", "[OPTIONS] NAME[:TAG|@DIGEST]", least=1, most=1)
@click.option("-a", "--all-tags", is_flag=True, help="Download all tagged images in the repository")
@click.option("--platform", default="", help="Set platform if server is multi-platform capable")
@click.option("-q", "--quiet", is_flag=True, help="Suppress verbose output")
@click.argument("name")
def pull(session: Session, all_tags: bool, platform: str, quiet: bool, name: str) -> Outcome:
    """Return the name of what was pulled; how far it is, a face shows meanwhile."""
    wanted = _reference(name)
    if all_tags and _has_tag_or_digest(name):
        raise UsageError("tag can't be used with --all-tags/-a", exit_code=1)
    notice = ""
    if not all_tags and wanted.tag == DEFAULT_TAG and not _has_tag_or_digest(name):
        notice = f"Using default tag: {DEFAULT_TAG}"
    asked = wanted.familiar_name if all_tags else wanted.familiar
    try:
        transfer = session.engine.images.pulling(asked, all_tags=all_tags, platform=platform)
    except InvalidArgument as error:  # docker's client has told of the tag by then
        told = (notice,) if notice and not quiet else ()
        return Lines(lines=told, errors=(error,))
    attend = silently if quiet else session.attend
    done = attend(transfer, notice)
    shown = f"{wanted.domain}/{wanted.path}" if all_tags else wanted.canonical
    warnings = [line for each in done for line in each["warnings"]]
    if not all_tags:
        _check_platform(session, wanted.familiar, platform)
    return Lines(lines=(shown,), warnings=tuple(warnings))


@verb("push", "Upload an image to a registry", "[OPTIONS] NAME[:TAG]", least=1, most=1)
@click.option("-a", "--all-tags", is_flag=True, help="Push all tags of an image to the repository")
@click.option("-q", "--quiet", is_flag=True, help="Suppress verbose output")
@click.argument("name")
def push(session: Session, all_tags: bool, quiet: bool, name: str) -> Outcome:
    """Return with -q the name; else a face has shown all there is to say."""
    wanted = _reference(name)
    if wanted.digest:
        raise UsageError("cannot push a digest reference", exit_code=1)
    if all_tags and _has_tag_or_digest(name):
        raise UsageError("tag can't be used with --all-tags/-a", exit_code=1)
    head = []
    if not all_tags and not _has_tag_or_digest(name):
        head.append(f"Using default tag: {DEFAULT_TAG}")
    head.append(f"The push refers to repository [{wanted.domain}/{wanted.path}]")
    images = session.engine.images
    try:
        transfer = images.pushing(
            wanted.familiar_name if all_tags else wanted.familiar, all_tags=all_tags
        )
        if quiet:
            silently(transfer)
        else:
            session.attend(transfer, "\n".join(head))
    except ImageNotFound as error:
        # Docker's daemon has begun its answer by then: the error is the last line of it.
        said = UsageError(error.message, exit_code=1)
        return Lines(lines=() if quiet else tuple(head), errors=(said,))
    except EngineError as error:
        return Lines(errors=(UsageError(error.message, exit_code=1, hint=error.hint),))
    shown = f"{wanted.domain}/{wanted.path}" if all_tags else wanted.canonical
    return Lines(lines=(shown,) if quiet else ())


def check_policy(policy: str) -> None:
    """Raise UsageError for what --pull does not know."""
    if policy not in ("", "always", "missing", "never"):
        raise UsageError(
            f'invalid pull option: \'{policy}\': must be one of "always", "missing" or "never"'
        )


def fetch(
    session: Session, config: ContainerConfig, policy: str, platform: str, quiet: bool
) -> bool:
    """See to it that a container's image is here, as `--pull` of run and create says.

    Returns whether the client's warnings were told: before the image is found to be missing, for
    which docker has its daemon look at the container first.
    """
    image = config.image
    if policy in ("", "never"):
        return False
    if policy == "missing" and not platform:
        try:
            session.engine.images.get(image)
        except ImageNotFound:
            pass
        else:
            return False
    elif policy == "missing" and _is_for(session, image, platform):
        return False
    wanted = parse(image)
    early: tuple[str, ...] = ()
    notice = ""
    if policy == "missing":
        session.engine.containers.verify(config)
        early = () if quiet else tuple(f"WARNING: {line}" for line in client_warnings(config))
        notice = "\n".join((*early, f"Unable to find image '{wanted.familiar}' locally"))
    transfer = session.engine.images.pulling(wanted.familiar, platform=platform)
    try:
        if quiet:
            silently(transfer)
        else:
            session.attend(transfer, notice, to_errors=True)
    except EngineError as error:
        tags = (tag for each in session.engine.images.list() for tag in each.tags)
        close = nearest_image(wanted.familiar, tags)
        error.hint = error.hint or (
            f"Did you mean {close}?"
            if close
            else "ipycontainer images lists those that are here; host always is"
        )
        raise
    _check_platform(session, wanted.familiar, platform)
    return bool(early)


def _check_platform(session: Session, image: str, platform: str) -> None:
    """Refuse what a registry gave for a platform, having no other: docker keeps it all the same."""
    try:
        record = session.engine.images.get(image).record
    except ImageNotFound:  # removed meanwhile
        return
    if not is_for(record, platform):
        raise UsageError(other_platform(record, image, platform), exit_code=1)


def _is_for(session: Session, image: str, platform: str) -> bool:
    """Tell whether an image is here, and for this platform."""
    try:
        return is_for(session.engine.images.get(image).record, platform)
    except ImageNotFound:
        return False


def _reference(text: str) -> Reference:
    try:
        return parse(text)
    except InvalidReference as error:
        raise UsageError(error.message, exit_code=1) from None


def _has_tag_or_digest(name: str) -> bool:
    return "@" in name or ":" in name.rpartition("/")[2]


@verb("login", "Log in to a registry", "[OPTIONS] [SERVER]", most=1)
@click.option("-p", "--password", default="", help="Password")
@click.option("--password-stdin", is_flag=True, help="Take the password from stdin")
@click.option("-u", "--username", default="", help="Username")
@click.argument("server", required=False)
def login(
    session: Session, password: str, password_stdin: bool, username: str, server: str | None
) -> Outcome:
    """Return docker's words; the credentials are kept where docker keeps them."""
    from ipycontainer.engine import credentials

    warnings = (_INSECURE_PASSWORD,) if password else ()
    if password and password_stdin:
        error = UsageError("--password and --password-stdin are mutually exclusive", exit_code=1)
        return Lines(errors=(error,), warnings=warnings)
    if password_stdin:
        if not username:
            raise UsageError("Must provide --username with --password-stdin", exit_code=1)
        password = _read_all(session).removesuffix("\n").removesuffix("\r")
    host = server or DEFAULT_DOMAIN
    if not username or not password:
        if session.ask is None:
            raise UsageError(
                "Error: Cannot perform an interactive login from a non TTY device",
                exit_code=1,
                hint="ipycontainer login -u NAME --password-stdin SERVER",
            )
        username = username or session.ask("Username: ", False)
        password = password or session.ask("Password: ", True)
        if not username or not password:
            raise UsageError("Error: Non-null Username and Password required", exit_code=1)
    try:
        done = session.engine.login(username, password, registry=host)
    except EngineError as error:
        return Lines(errors=(error,), warnings=warnings)
    if credentials.stores_plainly(host):
        path = credentials.config_path()
        warnings = (*warnings, _STORED_PLAINLY.format(path=path))
    return Lines(lines=(str(done["Status"]),), warnings=warnings)


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
