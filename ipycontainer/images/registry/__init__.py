"""Registries: the OCI distribution protocol, from connections to verified blobs.

    settings    what was configured: proxies, plain HTTP, certificates, credentials, attempts
    web         HTTP/1.1 requests: proxies, TLS, redirects, giving up
    challenge   what a registry wants to see before it answers, and tokens
    repository  manifests, blobs and uploads of one repository
    download    a blob, resumed and checked
    upload      a blob, mounted, whole or in chunks

Runs in a worker, on the standard library: it downloads faster than any client library here, and a
worker has no other. Source: OCI distribution-spec v1.1, distribution `docs/spec/auth`.
"""
