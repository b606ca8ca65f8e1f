"""The verbs that move images to and from registries: pull and push; what `--pull` means."""

from __future__ import annotations

import click

from ipycontainer.commands.limit_options import client_warnings
from ipycontainer.commands.records import Lines, Outcome
from ipycontainer.commands.single_choices import TRUST_OPTION, check_trust
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
from ipycontainer.model.reference import DEFAULT_TAG, Reference, parse

__all__ = ["check_policy", "fetch", "pull", "push"]


@verb("pull", "Download an image from a registry", "[OPTIONS] NAME[:TAG|@DIGEST]", least=1, most=1)
@click.option("-a", "--all-tags", is_flag=True, help="Download all tagged images in the repository")
@TRUST_OPTION
@click.option("--platform", default="", help="Set platform if server is multi-platform capable")
@click.option("-q", "--quiet", is_flag=True, help="Suppress verbose output")
@click.argument("name")
def pull(
    session: Session,
    all_tags: bool,
    disable_content_trust: bool,
    platform: str,
    quiet: bool,
    name: str,
) -> Outcome:
    """Return the name of what was pulled; how far it is, a face shows meanwhile."""
    check_trust(disable_content_trust)
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
@TRUST_OPTION
@click.option("-q", "--quiet", is_flag=True, help="Suppress verbose output")
@click.argument("name")
def push(
    session: Session, all_tags: bool, disable_content_trust: bool, quiet: bool, name: str
) -> Outcome:
    """Return with -q the name; else a face has shown all there is to say."""
    check_trust(disable_content_trust)
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
