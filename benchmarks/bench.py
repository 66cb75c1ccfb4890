"""What a subject is given to measure with."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks import servers
from benchmarks.data import Data
from benchmarks.measuring import Result, Side, count
from benchmarks.world import World


@dataclass
class Bench:
    world: World
    data: Data
    rounds: int
    seconds: float  # of a lap
    is_quick: bool
    most_agents: int
    say: Callable[[str], None]

    @property
    def has_peer(self) -> bool:
        return self.data.has_peer

    def product(self, name: str, make: object, **more: Any) -> Side:
        """The product's web process, one of one worker."""
        return self._side(name, make, servers.web(self.world), "web", more)

    def peer(self, name: str, make: object, **more: Any) -> Side:
        return self._side(name, make, servers.peer(self.world), "peer", more)

    def bare(self, name: str, make: object, **more: Any) -> Side:
        return self._side(name, make, servers.bare(self.world), "bare", more)

    def _side(self, name: str, make: Any, port: int, process: str, more: dict[str, Any]) -> Side:
        return Side(name, port, make, self.world.processes.children[process].pid, **more)

    def count_product(self, side: Side, requests: list[bytes]) -> None:
        port, asked = servers.counted(self.world), partial(servers.asked_so_far, self.world)
        side.statements, side.trips = count(asked, port, requests)

    def count_peer(self, side: Side, requests: list[bytes]) -> None:
        port = servers.counted_peer(self.world)
        asked = partial(servers.asked_so_far, self.world, "counting-peer")
        side.statements, side.trips = count(asked, port, requests)


Subject = Callable[[Bench], list[Result]]
