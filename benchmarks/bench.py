"""What a subject is given to measure with."""

from collections.abc import Callable
from dataclasses import dataclass

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

    def product(self, name: str, make: object, **more: object) -> Side:
        """The product's web process, one of one worker."""
        port = servers.web(self.world)
        process = self.world.processes.children["web"].pid
        return Side(name, port, make, process, **more)  # type: ignore[arg-type]

    def peer(self, name: str, make: object, **more: object) -> Side:
        port = servers.peer(self.world)
        process = self.world.processes.children["peer"].pid
        return Side(name, port, make, process, **more)  # type: ignore[arg-type]

    def bare(self, name: str, make: object, **more: object) -> Side:
        port = servers.bare(self.world)
        process = self.world.processes.children["bare"].pid
        return Side(name, port, make, process, **more)  # type: ignore[arg-type]

    def count_product(self, side: Side, requests: list[bytes]) -> None:
        port = servers.counted(self.world)
        ask = lambda: servers.asked_so_far(self.world)  # noqa: E731
        side.statements, side.trips = count(ask, port, requests)

    def count_peer(self, side: Side, requests: list[bytes]) -> None:
        port = servers.counted_peer(self.world)
        ask = lambda: servers.asked_so_far(self.world, "counting-peer")  # noqa: E731
        side.statements, side.trips = count(ask, port, requests)


Subject = Callable[[Bench], list[Result]]
