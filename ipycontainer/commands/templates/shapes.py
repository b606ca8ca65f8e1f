"""The Go types in which docker's client keeps the objects of inspect, events and version, as data.

Source: moby 26.1, api/types (container, network, image, volume, mount, events), docker/go-units,
go-connections/nat; docker/cli 26.1, cli/command/system. A field stands as in Go: its name (`=KEY`
where JSON calls it otherwise) and its type, in Go's order, since a whole object prints in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from ipycontainer.commands.templates.values import ANY, GoType, Member

__all__ = ["in_order", "recognised", "shape"]

_STRUCTS = {
    "types.ContainerJSON": (
        "*types.ContainerJSONBase; Mounts []types.MountPoint; Config *container.Config; "
        "NetworkSettings *types.NetworkSettings"
    ),
    "types.ContainerJSONBase": (
        "ID=Id string; Created string; Path string; Args []string; State *types.ContainerState; "
        "Image string; ResolvConfPath string; HostnamePath string; HostsPath string; "
        "LogPath string; Name string; RestartCount int; Driver string; Platform string; "
        "MountLabel string; ProcessLabel string; AppArmorProfile string; ExecIDs []string; "
        "HostConfig *container.HostConfig; GraphDriver types.GraphDriverData; SizeRw *int64; "
        "SizeRootFs *int64"
    ),
    "types.ContainerState": (
        "Status string; Running bool; Paused bool; Restarting bool; OOMKilled bool; Dead bool; "
        "Pid int; ExitCode int; Error string; StartedAt string; FinishedAt string; "
        "Health *types.Health"
    ),
    "types.Health": "Status string; FailingStreak int; Log []*types.HealthcheckResult",
    "types.HealthcheckResult": "Start time.Time; End time.Time; ExitCode int; Output string",
    "types.GraphDriverData": "Data map[string]string; Name string",
    "types.MountPoint": (
        "Type mount.Type; Name string; Source string; Destination string; Driver string; "
        "Mode string; RW bool; Propagation mount.Propagation"
    ),
    "container.Config": (
        "Hostname string; Domainname string; User string; AttachStdin bool; AttachStdout bool; "
        "AttachStderr bool; ExposedPorts nat.PortSet; Tty bool; OpenStdin bool; StdinOnce bool; "
        "Env []string; Cmd strslice.StrSlice; Healthcheck *container.HealthConfig; "
        "ArgsEscaped bool; Image string; Volumes map[string]struct{}; WorkingDir string; "
        "Entrypoint strslice.StrSlice; NetworkDisabled bool; MacAddress string; "
        "OnBuild []string; Labels map[string]string; StopSignal string; StopTimeout *int; "
        "Shell strslice.StrSlice"
    ),
    "container.HealthConfig": (
        "Test []string; Interval time.Duration; Timeout time.Duration; "
        "StartPeriod time.Duration; StartInterval time.Duration; Retries int"
    ),
    "container.HostConfig": (
        "Binds []string; ContainerIDFile string; LogConfig container.LogConfig; "
        "NetworkMode container.NetworkMode; PortBindings nat.PortMap; "
        "RestartPolicy container.RestartPolicy; AutoRemove bool; VolumeDriver string; "
        "VolumesFrom []string; ConsoleSize [2]uint; Annotations map[string]string; "
        "CapAdd strslice.StrSlice; CapDrop strslice.StrSlice; "
        "CgroupnsMode container.CgroupnsMode; DNS=Dns []string; DNSOptions=DnsOptions []string; "
        "DNSSearch=DnsSearch []string; ExtraHosts []string; GroupAdd []string; "
        "IpcMode container.IpcMode; Cgroup container.CgroupSpec; Links []string; "
        "OomScoreAdj int; PidMode container.PidMode; Privileged bool; PublishAllPorts bool; "
        "ReadonlyRootfs bool; SecurityOpt []string; StorageOpt map[string]string; "
        "Tmpfs map[string]string; UTSMode container.UTSMode; UsernsMode container.UsernsMode; "
        "ShmSize int64; Sysctls map[string]string; Runtime string; "
        "Isolation container.Isolation; container.Resources; Mounts []mount.Mount; "
        "MaskedPaths []string; ReadonlyPaths []string; Init *bool"
    ),
    "container.Resources": (
        "CPUShares=CpuShares int64; Memory int64; NanoCPUs=NanoCpus int64; CgroupParent string; "
        "BlkioWeight uint16; BlkioWeightDevice []*blkiodev.WeightDevice; "
        "BlkioDeviceReadBps []*blkiodev.ThrottleDevice; "
        "BlkioDeviceWriteBps []*blkiodev.ThrottleDevice; "
        "BlkioDeviceReadIOps []*blkiodev.ThrottleDevice; "
        "BlkioDeviceWriteIOps []*blkiodev.ThrottleDevice; CPUPeriod=CpuPeriod int64; "
        "CPUQuota=CpuQuota int64; CPURealtimePeriod=CpuRealtimePeriod int64; "
        "CPURealtimeRuntime=CpuRealtimeRuntime int64; CpusetCpus string; CpusetMems string; "
        "Devices []container.DeviceMapping; DeviceCgroupRules []string; "
        "DeviceRequests []container.DeviceRequest; KernelMemory int64; KernelMemoryTCP int64; "
        "MemoryReservation int64; MemorySwap int64; MemorySwappiness *int64; "
        "OomKillDisable *bool; PidsLimit *int64; Ulimits []*units.Ulimit; "
        "CPUCount=CpuCount int64; CPUPercent=CpuPercent int64; IOMaximumIOps uint64; "
        "IOMaximumBandwidth uint64"
    ),
    "container.LogConfig": "Type string; Config map[string]string",
    "container.RestartPolicy": "Name container.RestartPolicyMode; MaximumRetryCount int",
    "container.DeviceMapping": (
        "PathOnHost string; PathInContainer string; CgroupPermissions string"
    ),
    "container.DeviceRequest": (
        "Driver string; Count int; DeviceIDs []string; Capabilities [][]string; "
        "Options map[string]string"
    ),
    "blkiodev.WeightDevice": "Path string; Weight uint16",
    "blkiodev.ThrottleDevice": "Path string; Rate uint64",
    "units.Ulimit": "Name string; Hard int64; Soft int64",
    "mount.Mount": (
        "Type mount.Type; Source string; Target string; ReadOnly bool; "
        "Consistency mount.Consistency; BindOptions *mount.BindOptions; "
        "VolumeOptions *mount.VolumeOptions; TmpfsOptions *mount.TmpfsOptions"
    ),
    "mount.BindOptions": (
        "Propagation mount.Propagation; NonRecursive bool; CreateMountpoint bool; "
        "ReadOnlyNonRecursive bool; ReadOnlyForceRecursive bool"
    ),
    "mount.VolumeOptions": (
        "NoCopy bool; Labels map[string]string; Subpath string; DriverConfig *mount.Driver"
    ),
    "mount.Driver": "Name string; Options map[string]string",
    "mount.TmpfsOptions": "SizeBytes int64; Mode os.FileMode",
    "nat.PortBinding": "HostIP=HostIp string; HostPort string",
    "types.NetworkSettings": (
        "types.NetworkSettingsBase; types.DefaultNetworkSettings; "
        "Networks map[string]*network.EndpointSettings"
    ),
    "types.NetworkSettingsBase": (
        "Bridge string; SandboxID string; SandboxKey string; Ports nat.PortMap; "
        "HairpinMode bool; LinkLocalIPv6Address string; LinkLocalIPv6PrefixLen int; "
        "SecondaryIPAddresses []network.Address; SecondaryIPv6Addresses []network.Address"
    ),
    "types.DefaultNetworkSettings": (
        "EndpointID string; Gateway string; GlobalIPv6Address string; GlobalIPv6PrefixLen int; "
        "IPAddress string; IPPrefixLen int; IPv6Gateway string; MacAddress string"
    ),
    "network.Address": "Addr string; PrefixLen int",
    "network.EndpointSettings": (
        "IPAMConfig *network.EndpointIPAMConfig; Links []string; Aliases []string; "
        "MacAddress string; NetworkID string; EndpointID string; Gateway string; "
        "IPAddress string; IPPrefixLen int; IPv6Gateway string; GlobalIPv6Address string; "
        "GlobalIPv6PrefixLen int; DriverOpts map[string]string; DNSNames []string"
    ),
    "network.EndpointIPAMConfig": ("IPv4Address string; IPv6Address string; LinkLocalIPs []string"),
    "types.ImageInspect": (
        "ID=Id string; RepoTags []string; RepoDigests []string; Parent string; Comment string; "
        "Created string; Container string; ContainerConfig *container.Config; "
        "DockerVersion string; Author string; Config *container.Config; Architecture string; "
        "Variant string; Os string; OsVersion string; Size int64; VirtualSize int64; "
        "GraphDriver types.GraphDriverData; RootFS types.RootFS; Metadata image.Metadata"
    ),
    "types.RootFS": "Type string; Layers []string",
    "image.Metadata": "LastTagTime time.Time",
    "types.NetworkResource": (
        "Name string; ID=Id string; Created time.Time; Scope string; Driver string; "
        "EnableIPv6 bool; IPAM network.IPAM; Internal bool; Attachable bool; Ingress bool; "
        "ConfigFrom network.ConfigReference; ConfigOnly bool; "
        "Containers map[string]types.EndpointResource; Options map[string]string; "
        "Labels map[string]string; Peers []network.PeerInfo; "
        "Services map[string]network.ServiceInfo"
    ),
    "network.IPAM": "Driver string; Options map[string]string; Config []network.IPAMConfig",
    "network.IPAMConfig": (
        "Subnet string; IPRange string; Gateway string; "
        "AuxAddress=AuxiliaryAddresses map[string]string"
    ),
    "network.ConfigReference": "Network string",
    "network.PeerInfo": "Name string; IP string",
    "network.ServiceInfo": "VIP string; Ports []string; LocalLBIndex int",
    "types.EndpointResource": (
        "Name string; EndpointID string; MacAddress string; IPv4Address string; IPv6Address string"
    ),
    "volume.Volume": (
        "ClusterVolume *volume.ClusterVolume; CreatedAt string; Driver string; "
        "Labels map[string]string; Mountpoint string; Name string; Options map[string]string; "
        "Scope string; Status map[string]interface {}; UsageData *volume.UsageData"
    ),
    "volume.ClusterVolume": "ID string",
    "volume.UsageData": "RefCount int64; Size int64",
    "events.Message": (
        "Status string; ID string; From string; Type events.Type; Action events.Action; "
        "Actor events.Actor; Scope string; Time int64; TimeNano int64"
    ),
    "events.Actor": "ID string; Attributes map[string]string",
    "system.versionInfo": "Client system.clientVersion; Server *types.Version",
    "system.clientVersion": (
        "Platform *system.platformInfo; Version string; APIVersion=ApiVersion string; "
        "DefaultAPIVersion string; PythonVersion string; Os string; Arch string; "
        "KernelVersion string; Context string"
    ),
    "system.platformInfo": "Name string",
    "types.Version": (
        "Platform system.platformInfo; Components []types.ComponentVersion; Version string; "
        "APIVersion=ApiVersion string; MinAPIVersion string; PythonVersion string; Os string; "
        "Arch string; KernelVersion string; Experimental bool"
    ),
    "types.ComponentVersion": "Name string; Version string; Details map[string]string",
    "system.dockerInfo": (
        "ID string; Containers int; ContainersRunning int; ContainersPaused int; "
        "ContainersStopped int; Images int; Driver string; DriverStatus [][2]string; "
        "Plugins system.PluginsInfo; MemoryLimit bool; SwapLimit bool; "
        "CPUCfsPeriod=CpuCfsPeriod bool; CPUCfsQuota=CpuCfsQuota bool; CPUShares bool; "
        "CPUSet bool; PidsLimit bool; IPv4Forwarding bool; BridgeNfIptables bool; "
        "BridgeNfIP6tables=BridgeNfIp6tables bool; Debug bool; NFd int; OomKillDisable bool; "
        "NGoroutines int; "
        "SystemTime string; LoggingDriver string; CgroupDriver string; CgroupVersion string; "
        "KernelVersion string; OperatingSystem string; OSVersion string; OSType string; "
        "Architecture string; IndexServerAddress string; RegistryConfig *registry.ServiceConfig; "
        "NCPU int; MemTotal int64; GenericResources []swarm.GenericResource; "
        "DockerRootDir string; HTTPProxy=HttpProxy string; "
        "HTTPSProxy=HttpsProxy string; NoProxy string; Name string; Labels []string; "
        "ExperimentalBuild bool; ServerVersion string; "
        "Runtimes map[string]system.Runtime; DefaultRuntime string; Swarm swarm.Info; "
        "LiveRestoreEnabled bool; Isolation string; InitBinary string; "
        "ContainerdCommit system.Commit; RuncCommit system.Commit; InitCommit system.Commit; "
        "SecurityOptions []string; DefaultAddressPools []system.NetworkAddressPool; "
        "CDISpecDirs []string; Warnings []string; ClientInfo *system.clientInfo"
    ),
    "system.PluginsInfo": (
        "Volume []string; Network []string; Authorization []string; Log []string"
    ),
    "registry.ServiceConfig": (
        "AllowNondistributableArtifactsCIDRs []string; "
        "AllowNondistributableArtifactsHostnames []string; "
        "InsecureRegistryCIDRs []string; "
        "IndexConfigs map[string]*registry.IndexInfo; Mirrors []string"
    ),
    "registry.IndexInfo": "Name string; Mirrors []string; Secure bool; Official bool",
    "swarm.Info": (
        "NodeID string; NodeAddr string; LocalNodeState string; ControlAvailable bool; "
        "Error string; RemoteManagers []swarm.Peer; Nodes int; Managers int"
    ),
    "system.Commit": "ID string; Expected string",
    "swarm.Peer": "NodeID string; Addr string",
    "swarm.GenericResource": "",
    "system.NetworkAddressPool": "Base string; Size int",
    "system.clientInfo": (
        "Debug bool; Version string; Context string; Plugins []manager.Plugin; Warnings []string"
    ),
    "manager.Plugin": "Name string",
    "system.Runtime": "Path=path string; Args=runtimeArgs []string",
    "struct{}": "",
    "time.Time": "",
}

_NAMED = {
    "container.CgroupSpec": "string",
    "container.CgroupnsMode": "string",
    "container.IpcMode": "string",
    "container.Isolation": "string",
    "container.NetworkMode": "string",
    "container.PidMode": "string",
    "container.RestartPolicyMode": "string",
    "container.UTSMode": "string",
    "container.UsernsMode": "string",
    "events.Action": "string",
    "events.Type": "string",
    "mount.Consistency": "string",
    "mount.Propagation": "string",
    "mount.Type": "string",
    "nat.Port": "string",
    "nat.PortMap": "map[nat.Port][]nat.PortBinding",
    "nat.PortSet": "map[nat.Port]struct{}",
    "os.FileMode": "uint32",
    "strslice.StrSlice": "[]string",
    "time.Duration": "int64",
}

# By what an object of inspect is known, in the order in which it is looked for.
_MARKS = {
    "HostConfig": "types.ContainerJSON",
    "RepoTags": "types.ImageInspect",
    "IPAM": "types.NetworkResource",
    "Mountpoint": "volume.Volume",
}

_BASIC = re.compile(r"(bool|string|u?int|float)\d*")


@cache
def shape(name: str) -> GoType:
    """Return the type of that name in Go."""
    if basic := _BASIC.fullmatch(name):
        return GoType(basic[1], name)  # type: ignore[arg-type]  # one of the kinds
    if name == "interface {}":
        return ANY
    if name.startswith("*"):
        return GoType("pointer", name, shape(name[1:]))
    if name.startswith("["):
        return GoType("slice", name, shape(name[name.index("]") + 1 :]))
    if name.startswith("map["):
        key, _, element = name[4:].partition("]")
        return GoType("map", name, shape(element), shape(key))
    if name in _NAMED:
        below = shape(_NAMED[name])
        return GoType(below.kind, name, below.element, below.key)
    return GoType("struct", name, members=tuple(map(_member, _fields(_STRUCTS[name]))))


def recognised(thing: Mapping[str, Any]) -> str:
    """Return the type of an object of inspect."""
    return next((name for mark, name in _MARKS.items() if mark in thing), "")


def in_order(thing: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object of inspect as Go writes it: fields as in its structs, maps by their keys."""
    name = recognised(thing)
    return dict(_in_order(thing, shape(name)) if name else thing)


def _in_order(data: Any, type_: GoType) -> Any:
    if data is None:
        return None
    element = type_.element or ANY
    match type_.kind:
        case "pointer":
            return _in_order(data, element)
        case "slice":
            return [_in_order(each, element) for each in data]
        case "map":
            return {key: _in_order(data[key], element) for key in sorted(data)}
        case "struct" if isinstance(data, Mapping):
            known = {
                each.key: _in_order(data[each.key], each.type)
                for each in _members(type_)
                if each.key in data
            }
            return {**known, **{key: data[key] for key in data if key not in known}}
        case _:
            return data


def _members(type_: GoType) -> Iterator[Member]:
    """Yield a struct's fields, those of an embedded one in its place."""
    for each in type_.members:
        if each.embedded:
            yield from _members(each.type.element or each.type)
        else:
            yield each


def _fields(text: str) -> list[str]:
    return [each for each in text.split("; ") if each]


def _member(text: str) -> Member:
    name, _, kind = text.partition(" ")
    if not kind:
        return Member(name.rpartition(".")[2], "", shape(name), embedded=True)
    name, _, key = name.partition("=")
    return Member(name, key or name, shape(kind))
