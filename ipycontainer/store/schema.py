"""The tables of a home, and the steps from each older schema to the next.

Run once a home by `store.database`. A step only adds (tables, columns with defaults, indexes): a
monitor of an older version may be living on the same file, and its statements must go on working.
"""

from __future__ import annotations

__all__ = ["STEPS", "VERSION"]

_FIRST = """
CREATE TABLE containers (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    image_id      TEXT NOT NULL,
    config        TEXT NOT NULL,                    -- ContainerConfig as JSON
    overlays      TEXT NOT NULL,                    -- list of Overlay as JSON
    created_ns    INTEGER NOT NULL,
    status        TEXT NOT NULL DEFAULT 'created',
    pid           INTEGER NOT NULL DEFAULT 0,       -- init's, in the host's pid namespace
    start_ticks   INTEGER NOT NULL DEFAULT 0,
    boot_id       TEXT NOT NULL DEFAULT '',
    exit_code     INTEGER NOT NULL DEFAULT 0,
    error         TEXT NOT NULL DEFAULT '',
    oom           INTEGER NOT NULL DEFAULT 0,
    started_ns    INTEGER NOT NULL DEFAULT 0,
    finished_ns   INTEGER NOT NULL DEFAULT 0,
    restart_count INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX containers_by_image ON containers (image_id);

CREATE TABLE images (
    id         TEXT PRIMARY KEY,                    -- digest of the OCI config
    manifest   TEXT NOT NULL,                       -- '' for an image that is not in the layout
    created_ns INTEGER NOT NULL,
    size       INTEGER NOT NULL,
    details    TEXT NOT NULL                        -- the rest of ImageRecord as JSON
) WITHOUT ROWID;

CREATE TABLE image_tags (
    tag      TEXT PRIMARY KEY,                      -- familiar, with its tag: busybox:latest
    image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX image_tags_by_image ON image_tags (image_id);

CREATE TABLE image_blobs (
    image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    digest   TEXT NOT NULL,
    PRIMARY KEY (image_id, digest)
) WITHOUT ROWID;
CREATE INDEX image_blobs_by_digest ON image_blobs (digest);

CREATE TABLE layers (
    chain_id TEXT PRIMARY KEY,
    diff_id  TEXT NOT NULL,
    size     INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE image_layers (
    image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,                      -- 0 is the base
    chain_id TEXT NOT NULL REFERENCES layers (chain_id),
    PRIMARY KEY (image_id, position)
) WITHOUT ROWID;
CREATE INDEX image_layers_by_chain ON image_layers (chain_id);

-- A container keeps its layers when its image is removed by force.
CREATE TABLE container_layers (
    container_id TEXT NOT NULL REFERENCES containers (id) ON DELETE CASCADE,
    chain_id     TEXT NOT NULL REFERENCES layers (chain_id),
    PRIMARY KEY (container_id, chain_id)
) WITHOUT ROWID;
CREATE INDEX container_layers_by_chain ON container_layers (chain_id);

CREATE TABLE events (
    rowid      INTEGER PRIMARY KEY AUTOINCREMENT,   -- never used twice, also after trimming
    time_ns    INTEGER NOT NULL,
    type       TEXT NOT NULL,                       -- container, image, network
    action     TEXT NOT NULL,                       -- docker's words: create, start, die, ...
    actor      TEXT NOT NULL,
    attributes TEXT NOT NULL                        -- object of strings as JSON
);
"""

_NETWORKS = """
CREATE TABLE networks (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    created_ns INTEGER NOT NULL,
    config     TEXT NOT NULL                        -- NetworkConfig as JSON
) WITHOUT ROWID;

-- A container on a network: `wanted` for good, the rest while it runs.
CREATE TABLE endpoints (
    container_id TEXT NOT NULL REFERENCES containers (id) ON DELETE CASCADE,
    network_id   TEXT NOT NULL REFERENCES networks (id),
    position     INTEGER NOT NULL,
    wanted       TEXT NOT NULL,                     -- EndpointConfig as JSON
    endpoint_id  TEXT NOT NULL DEFAULT '',
    ipv4         TEXT,                              -- NULL: none; several NULLs may stand
    ipv6         TEXT,
    mac          TEXT NOT NULL DEFAULT '',
    interface    TEXT NOT NULL DEFAULT '',          -- inside
    port         TEXT NOT NULL DEFAULT '',          -- on the bridge
    PRIMARY KEY (container_id, network_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX endpoints_by_ipv4 ON endpoints (network_id, ipv4);
CREATE UNIQUE INDEX endpoints_by_ipv6 ON endpoints (network_id, ipv6);

-- Addresses whose interface the kernel may still be taking down.
CREATE TABLE cooling (
    network_id TEXT NOT NULL REFERENCES networks (id) ON DELETE CASCADE,
    address    TEXT NOT NULL,
    since_ns   INTEGER NOT NULL,
    PRIMARY KEY (network_id, address)
) WITHOUT ROWID;

CREATE TABLE published_ports (
    container_id TEXT NOT NULL REFERENCES containers (id) ON DELETE CASCADE,
    protocol     TEXT NOT NULL,
    address      TEXT NOT NULL,                     -- of this machine
    host_port    INTEGER NOT NULL,
    port         INTEGER NOT NULL,
    target       TEXT NOT NULL,                     -- the container's address
    PRIMARY KEY (protocol, address, host_port)
) WITHOUT ROWID;
CREATE INDEX published_ports_by_container ON published_ports (container_id);
"""

_VOLUMES = """
CREATE TABLE volumes (
    name       TEXT PRIMARY KEY,
    anonymous  INTEGER NOT NULL,
    created_ns INTEGER NOT NULL,
    labels     TEXT NOT NULL,                       -- object of strings as JSON
    options    TEXT NOT NULL                        -- the local driver's type, device, o as JSON
) WITHOUT ROWID;

CREATE TABLE container_volumes (
    container_id TEXT NOT NULL REFERENCES containers (id) ON DELETE CASCADE,
    volume       TEXT NOT NULL REFERENCES volumes (name),
    PRIMARY KEY (container_id, volume)
) WITHOUT ROWID;
CREATE INDEX container_volumes_by_volume ON container_volumes (volume);
"""

# What registries call an image; a name by digest is looked up here.
_DIGESTS = """
CREATE TABLE image_digests (
    repository TEXT NOT NULL,                       -- familiar, without tag: busybox
    digest     TEXT NOT NULL,                       -- of the manifest, or of the index, as it came
    image_id   TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    PRIMARY KEY (repository, digest)
) WITHOUT ROWID;
CREATE INDEX image_digests_by_image ON image_digests (image_id);
"""

# Which of docker's subnets was given last: the next network without one of its own gets the next.
_SUBNETS = """
CREATE TABLE chosen_subnets (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    subnet TEXT NOT NULL
);
"""

# A container's next interface counts on after those that it has had in this run and left.
_INTERFACES = """
CREATE TABLE interfaces_left (
    container_id TEXT NOT NULL REFERENCES containers (id) ON DELETE CASCADE,
    interface    TEXT NOT NULL,
    started_ns   INTEGER NOT NULL,                  -- which run it was
    PRIMARY KEY (container_id, interface)
) WITHOUT ROWID;

-- Who had an address that cools, and the interface on the bridge by which it may still be reached.
ALTER TABLE cooling ADD COLUMN port TEXT NOT NULL DEFAULT '';
ALTER TABLE cooling ADD COLUMN container_id TEXT NOT NULL DEFAULT '';
"""

# STEPS[n] leads from schema n to n + 1; user_version in the file says which one it has.
STEPS = (_FIRST, _NETWORKS, _VOLUMES, _DIGESTS, _SUBNETS, _INTERFACES)
VERSION = len(STEPS)
