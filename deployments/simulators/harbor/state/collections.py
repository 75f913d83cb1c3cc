"""Collections of projects and robots: mappings with a second key."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, MutableMapping

from deployments.simulators.harbor.state.entities import Project, Robot


class ProjectCollection(MutableMapping[str, Project]):
    """Projects by name, with lookup by id, sorted by name."""

    def __init__(self) -> None:
        self._by_name: dict[str, Project] = {}
        self._by_id: dict[int, Project] = {}
        self._names: list[str] = []
        self._ids: list[int] = []

    def __getitem__(self, name: str) -> Project:
        return self._by_name[name]

    def __setitem__(self, name: str, project: Project) -> None:
        if name in self._by_name:
            del self[name]
        self._by_name[name] = project
        self._by_id[project.id] = project
        insort(self._names, name)
        insort(self._ids, project.id)

    def __delitem__(self, name: str) -> None:
        project = self._by_name.pop(name)
        del self._by_id[project.id]
        del self._names[bisect_left(self._names, name)]
        del self._ids[bisect_left(self._ids, project.id)]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._names))

    def __len__(self) -> int:
        return len(self._names)

    def by_id(self, id: int) -> Project | None:
        """Return the project with this id."""
        return self._by_id.get(id)

    def sorted_by_name(self) -> list[Project]:
        """Return all projects, sorted by name."""
        return [self._by_name[name] for name in self._names]

    def page(self, start: int, stop: int | None) -> list[Project]:
        """Return a slice of the sorted list without building the whole list."""
        return [self._by_name[name] for name in self._names[start:stop]]

    def newest_page(self, start: int, stop: int | None) -> list[Project]:
        """Return a slice of the list by id, newest first, without building the whole list."""
        ends = (self._ids[::-1] if stop is None else self._ids[: -stop - 1 : -1])[start:]
        return [self._by_id[id] for id in ends]


class RobotCollection(MutableMapping[int, Robot]):
    """Robots by id, with lookup by stored name."""

    def __init__(self) -> None:
        self._by_id: dict[int, Robot] = {}
        self._ids: dict[str, int] = {}

    def __getitem__(self, id: int) -> Robot:
        return self._by_id[id]

    def __setitem__(self, id: int, robot: Robot) -> None:
        self._by_id[id] = robot
        self._ids[robot.stored] = id

    def __delitem__(self, id: int) -> None:
        del self._ids[self._by_id.pop(id).stored]

    def __iter__(self) -> Iterator[int]:
        return iter(list(self._by_id))

    def __len__(self) -> int:
        return len(self._by_id)

    def by_stored_name(self, name: str) -> Robot | None:
        """Return the robot with this name, without prefix."""
        id = self._ids.get(name)
        return None if id is None else self._by_id[id]
