"""The verbs of `network`: create, ls, inspect, rm, prune; and port."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping, Sequence

import click

from ipycontainer.commands.confirming import confirmed
from ipycontainer.commands.inspection import FORMAT_HELP, inspected, network_attributes
from ipycontainer.commands.lifecycle import for_each
from ipycontainer.commands.lookup import check_route
from ipycontainer.commands.lookup import inspected as lookup_inspected
from ipycontainer.commands.natural_order import natural
from ipycontainer.commands.network_options import Link
from ipycontainer.commands.ports import LAST_PORT
from ipycontainer.commands.records import Done, Lines, Listing, Outcome, PortListing
from ipycontainer.commands.refusals import FILTERS
from ipycontainer.commands.summaries import NetworkSummary, PortSummary
from ipycontainer.commands.types import Filter, Label, List, String, Strings, split
from ipycontainer.commands.verb import Session, verb
from ipycontainer.errors import InvalidArgument, NotFound, Unsupported, UsageError

__all__ = ["connect", "create", "disconnect", "inspect", "ls", "port", "prune", "rm"]

_PRUNES = "WARNING! This will remove all custom networks not used by at least one container."
_NO_SUBNET = "every ip-range or gateway must have a corresponding subnet"


@verb(
    "create",
    "Create a network",
    "[OPTIONS] NETWORK",
    least=1,
    most=1,
    path="network create",
    canonical="network create",  # not the verb that makes a container
)
@click.option("--attachable", is_flag=True, help="Enable manual container attachment")
@click.option(
    "--aux-address", type=List(), multiple=True, help="Auxiliary IPv4 or IPv6 addresses: NAME=ADDR"
)
@click.option("--config-from", type=String(), default="", help="Network to take settings from")
@click.option("--config-only", is_flag=True, help="Create a configuration only network")
@click.option("-d", "--driver", type=String(), default="bridge", help="Driver of the network")
@click.option("--gateway", type=Strings(), multiple=True, help="Gateway for the subnet")
@click.option("--ingress", is_flag=True, help="Create swarm routing-mesh network")
@click.option("--internal", is_flag=True, help="Restrict external access to the network")
@click.option("--ip-range", type=Strings(), multiple=True, help="Allocate addresses from a range")
@click.option("--ipam-driver", type=String(), default="default", help="Driver of addresses")
@click.option("--ipam-opt", type=List(), multiple=True, help="Options of that driver")
@click.option("--ipv6", is_flag=True, help="Enable IPv6 networking")
@click.option("--label", type=Label(), multiple=True, help="Set metadata on a network")
@click.option("-o", "--opt", type=List(), multiple=True, help="Set driver specific options")
@click.option("--scope", type=String(), default="", help="Control the network's scope")
@click.option("--subnet", type=Strings(), multiple=True, help="Subnet in CIDR format")
@click.argument("name")
def create(
    session: Session,
    attachable: bool,
    aux_address: tuple[str, ...],
    config_from: str,
    config_only: bool,
    driver: str,
    gateway: tuple[str, ...],
    ingress: bool,
    internal: bool,
    ip_range: tuple[str, ...],
    ipam_driver: str,
    ipam_opt: tuple[str, ...],
    ipv6: bool,
    label: tuple[str, ...],
    opt: tuple[str, ...],
    scope: str,
    subnet: tuple[str, ...],
    name: str,
) -> Outcome:
    """Make a network and return its id."""
    aux = _pairs(aux_address)
    subnet, gateway, ip_range = map(split, (subnet, gateway, ip_range))
    _check_pools(subnet, gateway, ip_range, aux)
    made = session.engine.networks.create(
        name,
        driver,
        options=_pairs(opt),
        subnets=subnet,
        gateways=gateway,
        ranges=ip_range,
        aux=aux,
        internal=internal,
        attachable=attachable,
        enable_ipv6=ipv6,
        labels=_pairs(label),
        ingress=ingress,
        scope=scope,
        ipam_driver=ipam_driver,
        ipam_options=_pairs(ipam_opt),
        config_only=config_only,
        config_from=config_from,
    )
    return Lines(lines=(made.id,), warnings=tuple(made.warnings))


def _pairs(words: Sequence[str]) -> dict[str, str]:
    return {name: value for name, _, value in (word.partition("=") for word in words)}


def _check_pools(
    subnets: Sequence[str], gateways: Sequence[str], ranges: Sequence[str], aux: Mapping[str, str]
) -> None:
    """Raise what docker's client says of pools that do not fit together."""
    if len(subnets) < max(len(ranges), len(gateways)):
        raise UsageError(_NO_SUBNET, exit_code=1)
    networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
    for subnet in subnets:
        try:
            network = ipaddress.ip_network(subnet, strict=False)
        except ValueError:
            continue  # the engine finds its words, as docker's daemon does
        if any(other.version == network.version and other.overlaps(network) for other in networks):
            raise UsageError(
                "multiple overlapping subnet configuration is not supported", exit_code=1
            )
        networks.append(network)
    kinds = (("range", ranges), ("gateway", gateways), ("aux-address", tuple(aux.values())))
    for kind, texts in kinds:
        for text in texts:
            if not any(_inside(text, network) for network in networks):
                raise UsageError(f"no matching subnet for {kind} {text}", exit_code=1)


def _inside(text: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        return ipaddress.ip_interface(text).ip in network
    except ValueError:
        return False


@verb("ls", "List networks", "[OPTIONS]", most=0, path="network ls")
@click.option(
    "-f", "--filter", "filters", type=Filter(), multiple=True, help="name=, id=, driver=, label="
)
@click.option("--format", "template", default="", help="'table', 'json', or a Go template")
@click.option("--no-trunc", is_flag=True, help="Do not truncate the output")
@click.option("-q", "--quiet", is_flag=True, help="Only display network IDs")
def ls(
    session: Session,
    filters: tuple[tuple[str, str], ...],
    template: str,
    no_trunc: bool,
    quiet: bool,
) -> Outcome:
    """Return the networks by name."""
    wanted = _grouped(filters)
    listed = session.engine.networks.list(filters=wanted or None)
    found = sorted(listed, key=lambda each: natural(each.record.name))
    rows = tuple(
        NetworkSummary(
            id=network.record.id,
            name=network.record.name,
            driver=network.record.config.driver,
            created_ns=network.record.created_ns,
            subnets=tuple(pool.subnet for pool in network.record.config.pools),
            gateways=tuple(pool.gateway for pool in network.record.config.pools),
            internal=network.record.config.internal,
            ipv6=network.record.config.ipv6,
            labels=dict(network.record.config.labels),
            containers=network.users,
        )
        for network in found
    )
    return Listing(
        kind="networks",
        rows=rows,
        now_ns=time.time_ns(),
        quiet=quiet,
        no_trunc=no_trunc,
        template="" if quiet and template == "table" else template,
    )


def _grouped(filters: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for key, value in filters:
        if key in FILTERS["network ls"].split():
            raise Unsupported(f"--filter {key}= is not supported yet")
        grouped.setdefault(key, []).append(value)
    return grouped


@verb(
    "inspect",
    "Display detailed information on one or more networks",
    "[OPTIONS] NETWORK [NETWORK...]",
    least=1,
    path="network inspect",
)
@click.option("-f", "--format", "template", default="", help=FORMAT_HELP)
@click.option("-v", "--verbose", is_flag=True, help="Verbose output for diagnostics")
@click.argument("names", nargs=-1)
def inspect(session: Session, template: str, verbose: bool, names: tuple[str, ...]) -> Outcome:
    """Return networks in docker's shape; `-v` adds nothing to one of this machine alone."""
    return inspected(session, network_attributes, template, names)


@verb(
    "connect",
    "Connect a container to a network",
    "[OPTIONS] NETWORK CONTAINER",
    least=2,
    most=2,
    path="network connect",
)
@click.option("--alias", type=Strings(), multiple=True, help="Add network-scoped alias")
@click.option("--driver-opt", type=Strings(), multiple=True, help="Options of the network's driver")
@click.option("--ip", type=String(), default="", help="IPv4 address (e.g., 172.30.100.104)")
@click.option("--ip6", type=String(), default="", help="IPv6 address (e.g., 2001:db8::33)")
@click.option("--link", type=Link(), multiple=True, help="Add link to another container")
@click.option("--link-local-ip", type=Strings(), multiple=True, help="Add a link-local address")
@click.argument("network")
@click.argument("container")
def connect(
    session: Session,
    alias: tuple[str, ...],
    driver_opt: tuple[str, ...],
    ip: str,
    ip6: str,
    link: tuple[str, ...],
    link_local_ip: tuple[str, ...],
    network: str,
    container: str,
) -> Outcome:
    """Put a container on a network; docker prints nothing."""
    links = [each.partition(":")[::2] for each in link]
    options = split(driver_opt)
    if not all("=" in word for word in options):
        raise UsageError("invalid key/value pair format in driver options", exit_code=1)
    check_route(network)
    target = session.engine.containers.get(container).id  # docker looks for it first
    wishes = (split(alias), links, ip, ip6, split(link_local_ip), _pairs(options))
    try:
        found = session.engine.networks.get(network)
    except NotFound:
        session.engine.networks.expect(network, target, *wishes)
    else:
        found.connect(target, *wishes)
    return Done()


@verb(
    "disconnect",
    "Disconnect a container from a network",
    "[OPTIONS] NETWORK CONTAINER",
    least=2,
    most=2,
    path="network disconnect",
)
@click.option("-f", "--force", is_flag=True, help="Force the container to disconnect")
@click.argument("network")
@click.argument("container")
def disconnect(session: Session, force: bool, network: str, container: str) -> Outcome:
    """Take a container off a network; docker prints nothing."""
    check_route(network)
    try:
        found = session.engine.networks.get(network)
    except NotFound as gone:  # a stopped container may want it still
        try:
            session.engine.networks.forget(network, container)
        except NotFound:
            if force:  # then docker looks for the container later than for the network
                raise gone from None
            raise
        except InvalidArgument:
            if force:
                raise
            raise gone from None
    else:
        found.disconnect(container, force)
    return Done()


@verb("rm", "Remove one or more networks", "NETWORK [NETWORK...]", least=1, path="network rm")
@click.option("-f", "--force", is_flag=True, help="Do not error if the network does not exist")
@click.argument("networks", nargs=-1)
def rm(session: Session, force: bool, networks: tuple[str, ...]) -> Outcome:
    """Remove networks that no container is on."""

    def remove(name: str) -> None:
        check_route(name)
        session.engine.networks.get(name).remove()

    done = for_each(networks, remove)
    if not force:
        return done
    errors = tuple(error for error in done.errors if not isinstance(error, NotFound))
    return Done(names=done.names, errors=errors)


@verb("prune", "Remove all unused networks", "[OPTIONS]", most=0, path="network prune")
@click.option("-f", "--force", is_flag=True, help="Do not prompt for confirmation")
@click.option("--filter", "filters", type=Filter(), multiple=True, help="label=, until=")
def prune(session: Session, force: bool, filters: tuple[tuple[str, str], ...]) -> Outcome:
    """Remove the networks that no container wants; asks before, as docker does."""
    if not force and not confirmed(session, _PRUNES):
        return Lines()
    wanted: dict[str, list[str]] = {}
    for key, value in filters:
        wanted.setdefault(key, []).append(value)
    removed = session.engine.networks.prune(filters=wanted or None)["NetworksDeleted"]
    return Lines(lines=("Deleted Networks:", *removed, "") if removed else ())


@verb(
    "port",
    "List port mappings or a specific mapping for the container",
    "CONTAINER [PRIVATE_PORT[/PROTO]]",
    least=1,
    most=2,
)
@click.argument("container")
@click.argument("private_port", required=False)
def port(session: Session, container: str, private_port: str | None) -> Outcome:
    """Return where the ports of a running container are reached."""
    target = lookup_inspected(session, container)
    rows = tuple(
        PortSummary(
            container=target.record.name,
            container_id=target.record.id,
            port=each.port,
            protocol=each.protocol,
            address=each.address,
            host_port=each.host_port,
        )
        for each in target.published
    )
    if not private_port:
        return PortListing(rows=rows)
    number, _, protocol = private_port.partition("/")
    wrong = "" if number.isdecimal() else "invalid syntax"
    if not wrong and int(number) > LAST_PORT:
        wrong = "value out of range"
    if wrong:
        raise UsageError(
            f'Error: invalid port ({number}): strconv.ParseUint: parsing "{number}": {wrong}',
            exit_code=1,
        )
    key = f"{int(number)}/{protocol or 'tcp'}"
    chosen = tuple(row for row in rows if f"{row.port}/{row.protocol}" == key)
    if not chosen:
        raise UsageError(
            f"Error: No public port '{private_port}' published for {container}", exit_code=1
        )
    return PortListing(rows=chosen, only=True)
