"""Values that are compared and shown by their fields.

`dataclasses` takes 3 ms to import, and half a millisecond for each class that it makes: together
a tenth of the time in which a program with a `Client` starts. So the values that come with the
clients are made by hand, and those that are loaded when they are needed by `dataclasses`.
"""

from __future__ import annotations

from typing import Any, dataclass_transform


class _MadeWhenAsked:
    """An attribute by which `dataclasses` knows its own, as for its `replace` and `asdict`."""

    def __set_name__(self, owner: type[Value], name: str) -> None:
        self._name = name

    def __get__(self, instance: Value | None, owner: type[Value]) -> Any:
        import dataclasses

        if not owner.__match_args__:
            raise AttributeError(self._name)  # a base of values is none itself
        frozen = issubclass(owner, FrozenValue)
        made = dataclasses.make_dataclass(owner.__name__, owner.__match_args__, frozen=frozen)
        return getattr(made, self._name)


class Value:  # noqa: PLW1641 - what can change has no hash
    """Something with fields, which `__match_args__` names in the order of the arguments."""

    __slots__ = ()
    __match_args__: tuple[str, ...] = ()
    __dataclass_fields__ = _MadeWhenAsked()
    __dataclass_params__ = _MadeWhenAsked()

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
    """A value that cannot be changed."""

    def _set(self, *fields: object) -> None:
        vars(self).update(zip(self.__match_args__, fields, strict=True))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"A {type(self).__name__} cannot be changed; make another one.")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"A {type(self).__name__} cannot be changed; make another one.")

    def __hash__(self) -> int:
        return hash(self._fields())


class HiddenValue(Value):
    """A value that does not show what it holds, such as a nonce or a prompt."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"
