"""A Hub for tests: the Hugging Face Hub's HTTP protocol on 127.0.0.1, over real files on disk.

Standard library only. `HubServer` is the server; `clients` points the real clients at it.
"""

from tests.hub_server.server import Asked, HubServer

__all__ = ["Asked", "HubServer"]
