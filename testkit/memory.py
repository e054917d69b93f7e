"""The state of a process, in two forms: all that our modules lead to, and all that is new in its memory.

Both fail on what they do not know. An object of an unknown kind could hold something that Python does not show.
"""

from __future__ import annotations

import atexit
import functools
import gc
import json
import logging
import re
import signal
import types
import weakref
from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator
from contextvars import Context, ContextVar
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Any

PACKAGE = "comet_updates"
TEXTS = (str, bytes, int, float)
VALUES = (
    *(*TEXTS, complex, bool, type(None), type(Ellipsis), range, re.Pattern),
    *(datetime, date, time, timedelta, timezone, Decimal),
)
"""Kinds of objects whose text shows all that they hold."""
CONTAINERS = (object, dict, list, tuple, set, frozenset, deque, OrderedDict, defaultdict)
"""Kinds of objects whose items and attributes show all that they hold."""
SEEN_BY_COLLECTOR = (
    *(partial, type(functools.cache(len)), types.MappingProxyType, BaseException, Exception),
    *(types.FunctionType, types.MethodType, weakref.ref),
)
"""Kinds of objects of which `gc.get_referents` shows all that they hold."""
DECLARATIONS = (
    *(property, classmethod, staticmethod, types.GenericAlias, types.BuiltinFunctionType, types.MethodDescriptorType),
    *(types.WrapperDescriptorType, types.MethodWrapperType, types.GetSetDescriptorType, types.MemberDescriptorType),
    *(types.UnionType, types.ClassMethodDescriptorType, types.ModuleType, type),
)
"""Kinds of objects that belong to the code of classes."""
PYDANTIC = ("PydanticUndefinedType", "SchemaValidator", "SchemaSerializer", "ArgsKwargs")
OPAQUE = {
    *("obstore.store.S3Store", "_thread.RLock", "_thread.lock", "_io.TextIOWrapper", "_io.FileIO"),
    *(
        "_collections._tuplegetter",
        "_abc._abc_data",
        "functools._lru_list_elem",
        "weakref.ProxyType",
        "builtins.builtin_method",
    ),
    *("ssl.SSLContext", "_ssl._SSLContext", *(f"pydantic_core._pydantic_core.{name}" for name in PYDANTIC)),
}
"""Objects of C or Rust into which nobody can look. The functions have these and no others."""


CONNECTIONS = ("boto3", "botocore", "urllib3")
"""The libraries with which publishing asks S3."""


class UnknownStateError(Exception):
    """An object of a kind that is not listed: the walk cannot say what it holds."""


def state(value: object, *, threads: bool = False) -> object:
    """Return everything of ours that `value` leads to, as JSON that is the same for equal states.

    Args:
        threads: whether several threads ask S3. Then `CONNECTIONS` and the caches of libraries have any order, and are
            left out. The search for markers in the memory finds what they hold.

    Raises:
        UnknownStateError: an object is of a kind that is not listed above.
    """
    seen: dict[int, object] = {}

    def walk(value: object) -> object:  # noqa: PLR0911 (one for each kind)
        if isinstance(value, Enum) or type(value) in VALUES:
            return repr(value)
        if id(value) in seen:
            return "..."
        seen[id(value)] = value
        kind = kind_of(type(value))
        if threads and _is_of_a_library(value):
            return kind
        _refuse_unknown(value, kind)
        held = [*map(walk, _attributes(value))]
        match value:
            case types.ModuleType() | type():
                return [kind, getattr(value, "__qualname__", ""), *map(walk, _public(value))]
            case str() | bytes() | int() | float():
                return [kind, next(base for base in TEXTS if isinstance(value, base)).__repr__(value), *held]
            case dict():
                return [kind, [[walk(key), walk(item)] for key, item in list(value.items())], *held]
            case list() | tuple() | deque():
                return [kind, [walk(item) for item in value], *held]
            case set() | frozenset():
                return [kind, sorted(json.dumps(walk(item)) for item in value), *held]
        return [kind, getattr(value, "__qualname__", ""), *map(walk, _held(value)), *held]

    return walk(value)


def _is_of_a_library(value: object) -> bool:
    is_cache = isinstance(value, type(functools.cache(len))) and not value.__module__.startswith(PACKAGE)
    return is_cache or type(value).__module__.split(".")[0] in CONNECTIONS


def hooks() -> list[object]:
    """Return what Python calls at its end and for signals, and how much it is."""
    numbers = sorted(signal.valid_signals())
    return [f"{atexit._ncallbacks()} functions at the end", [repr(signal.getsignal(number)) for number in numbers]]


def kind_of(kind: type) -> str:
    """Return the full name of a type."""
    return f"{kind.__module__}.{kind.__qualname__}"


def _held(value: object) -> list[object]:
    """Return what `value` holds besides its items and attributes. Libraries' loggers are left out."""
    match value:
        case types.FunctionType():
            cells = [cell.cell_contents for cell in value.__closure__ or ()]
            return [cells, value.__defaults__, value.__kwdefaults__, value.__code__.co_code]
        case types.MethodType():
            return [value.__self__, value.__func__]
        case weakref.ref():
            return [value()]
    is_seen = isinstance(value, (*SEEN_BY_COLLECTOR, *DECLARATIONS))
    return gc.get_referents(value) if is_seen else []


def _refuse_unknown(value: object, kind: str) -> None:
    known = (*TEXTS, *CONTAINERS, *SEEN_BY_COLLECTOR, *DECLARATIONS)
    if kind not in OPAQUE and not all(base in known or _adds_nothing(base) for base in type(value).__mro__):
        raise UnknownStateError(f"{kind} is a kind of object that the walk does not know")


def _attributes(value: object) -> list[object]:
    """Return the attributes of `value`, and nothing for classes, modules and loggers' managers."""
    if isinstance(value, (types.ModuleType, type, logging.Manager)):
        return []
    slots = {name: getattr(value, name, None) for kind in type(value).__mro__ for name in _slots(kind)}
    return [attributes for attributes in (getattr(value, "__dict__", None), slots) if attributes]


def _slots(kind: type) -> Iterable[str]:
    slots = vars(kind).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else slots


def _adds_nothing(kind: type) -> bool:
    """Return whether the objects of `kind` hold no more than those of its base, besides attributes.

    A `class` statement adds attributes. What C adds makes the objects larger.
    """
    is_larger = kind.__base__ is None or kind.__basicsize__ != kind.__base__.__basicsize__
    return not is_larger or not vars(kind).keys().isdisjoint(("__weakref__", "__dict__", "__slots__"))


def _public(value: types.ModuleType | type) -> list[object]:
    """Return the variables of a module or class of ours."""
    home = value.__name__ if isinstance(value, types.ModuleType) else value.__module__
    if home.split(".")[0] != PACKAGE:
        return []
    return [{name: item for name, item in vars(value).items() if name[:2] != "__"}]


# ------------------------------------------------------------------ the whole memory


class Memory:
    """The content of this process's memory: each text and number, and how many objects of each kind.

    Attributes:
        kinds: the number of objects of each kind.
        values: every text and number, as Python writes it.
    """

    def __init__(self, besides: Iterable[object] = (), earlier: Memory | None = None) -> None:
        """Look at all objects, but not at `besides`, what is in them, and an `earlier` memory."""
        gc.collect()
        self.kinds: Counter[str] = Counter()
        self.values: set[str] = set()
        self._seen: dict[int, object] = {}
        held: list[object] = gc.get_objects()
        for own in (self, self.__dict__, self._seen, held, self.kinds, self.values):
            self._seen[id(own)] = own
        for other in (besides, *besides):
            self._see(other)
        for known in (earlier, earlier.__dict__, earlier.kinds, earlier.values) if earlier else ():
            self._seen[id(known)] = known
        while held:
            one = held.pop()
            if id(one) not in self._seen:
                self._seen[id(one)] = one
                self._note(one)
                held.extend(gc.get_referents(one))
        self.values -= {repr(address) for address in self._seen}  # Python's own table of the classes below a class
        self._seen = {}

    def _see(self, value: object) -> None:
        """Leave out a container of the harness, with the containers and texts in it."""
        self._seen[id(value)] = value
        if isinstance(value, (list, tuple, set, dict)):
            for inner in (*value, *value.values()) if isinstance(value, dict) else value:
                self._see(inner)

    def _note(self, value: Any) -> None:
        self.kinds[kind_of(type(value))] += 1
        if isinstance(value, (str, bytes, int, float)):
            self.values.add(repr(value))
        elif isinstance(value, (bytearray, memoryview, array)):
            self.values.add(repr(bytes(value)))
        elif type(value).__module__ in ("itertools", "_contextvars", "_random"):
            self.values.add(_shown(value))

    def since(self, earlier: Memory, *, strict: bool) -> Iterator[str]:
        """Yield what was not in an `earlier` memory, as texts.

        Raises:
            UnknownStateError: it is `strict`, and there are more objects of a kind that is not listed.
        """
        grown = self.kinds - earlier.kinds
        seen = (*VALUES, *CONTAINERS, *SEEN_BY_COLLECTOR, *DECLARATIONS, types.CellType, types.CodeType)
        known = OPAQUE | {kind_of(kind) for kind in (*seen, Context, ContextVar)}
        classes = {kind_of(kind): kind for kind in gc.get_objects() if isinstance(kind, type)}
        for name in sorted(grown.keys() - known) if strict else ():
            kind = classes.get(name)
            if kind is None or not all(base in seen or _adds_nothing(base) for base in kind.__mro__):
                raise UnknownStateError(f"memory has {grown[name]} more objects of a kind that is not listed: {name}")
        yield from sorted(f"{number} more of {name}" for name, number in grown.items())
        yield from sorted(self.values - earlier.values)


def _shown(value: Any) -> str:
    """Return what an object of C holds that `gc.get_referents` does not show."""
    match type(value).__module__:
        case "_contextvars":
            if isinstance(value, Context):
                return repr(list(value.items()))
            return repr(value.get(None)) if isinstance(value, ContextVar) else ""
        case "_random":
            return repr(value.getstate()) if hasattr(value, "getstate") else ""
    return repr(value) if type(value).__name__ == "count" else ""
