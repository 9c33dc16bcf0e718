"""Values that are compared and shown by their fields.

They act as those of `dataclasses` do, which takes 3 ms to import and half a millisecond for each
class that it makes: together a tenth of the time in which a program with a `Client` starts. What
is not loaded with the clients is made by `dataclasses`.
"""

from __future__ import annotations

from typing import Any, dataclass_transform


class Value:  # noqa: PLW1641 - what can change has no hash
    """Something with fields, which `__match_args__` names in the order of the arguments."""

    __slots__ = ()
    __match_args__: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._fields() == other._fields()

    def __repr__(self) -> str:
        shown = zip(self.__match_args__, self._fields(), strict=True)
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown)})"

    def _fields(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__match_args__)


@dataclass_transform(frozen_default=True)
class FrozenValue(Value):
    """A value that cannot be changed, so that one instance can serve all calls."""

    def _set(self, *fields: object) -> None:
        vars(self).update(zip(self.__match_args__, fields, strict=True))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"A {type(self).__name__} cannot be changed; make another one.")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"A {type(self).__name__} cannot be changed; make another one.")

    def __hash__(self) -> int:
        return hash(self._fields())
