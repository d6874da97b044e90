"""A Ray cluster whose nodes are processes of this machine, for tests; ray is imported late, as it may be missing."""

import logging

import pytest

_STORE = 80 * 2**20  # bytes


class Nodes:
    """A cluster: a head that takes no trials, and nodes of one CPU each."""

    def __init__(self):
        from ray.cluster_utils import Cluster

        self._last = 2
        self._cluster = Cluster(initialize_head=True, connect=False, head_node_args=self._arguments(0))
        self.address = self._cluster.address
        self.nodes = [self.add()]

    def _arguments(self, cpus):
        """127.0.0.1 would be replaced by the address of the machine."""
        node = {"num_cpus": cpus, "num_gpus": 0, "node_ip_address": f"127.0.0.{self._last}"}
        return {**node, "include_dashboard": False, "object_store_memory": _STORE}

    def add(self):
        self._last += 1
        return self._cluster.add_node(**self._arguments(1))

    def lose(self):
        """Kills a node, and adds another one."""
        self._cluster.remove_node(self.nodes.pop(), allow_graceful=False)
        self.nodes.append(self.add())

    def close(self):
        self._cluster.shutdown()


@pytest.fixture(scope="session")
def nodes():
    """One cluster for all tests: Ray does not start a second one in a process that had one of its own meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_worker_niceness", "0")
        found = Nodes()
        yield found
        found.close()


@pytest.fixture
def driver(nodes):
    """This process is connected to the cluster."""
    import ray

    ray.init(address=nodes.address, _node_ip_address="127.0.0.2", log_to_driver=False, logging_level=logging.ERROR)
    yield nodes
    ray.shutdown()
