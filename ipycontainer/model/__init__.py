"""What crosses borders: frozen dataclasses, names, ids, references and units. Imports errors only.

Modules are imported one by one (`from ipycontainer.model.config import ContainerConfig`): a zygote
must load no more of them than it needs.
"""
