"""`ModuleScopes`: in whose module a call is made: torch's global hooks tell, the model's own names say."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from torch import nn

from convcalc.graph import shared_depth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convcalc.graph import Path
    from convcalc.writer import Writer


class ModuleScopes:
    """The names of a model's modules, and the one that is being called.

    A module under several names is charged where it is called: to the name under the module that calls it.
    """

    def __init__(self, model: nn.Module, writer: Writer) -> None:
        self.writer = writer
        self.paths: dict[int, Path] = {}
        self.more: dict[int, list[Path]] = {}
        self.modules: list[tuple[Path, nn.Module]] = []
        self._name(model, ())
        self.kinds = {path: type(module).__name__ for path, module in self.modules}
        self.leaving: Callable[[nn.Module, Any, Any], None] | None = None
        self._outer: list[Path] = []
        self._moves: list[tuple[Path, Path] | None] = []

    def _name(self, module: nn.Module, path: Path) -> None:
        """Name a module and those inside; the first name of each stays its own."""
        if id(module) in self.paths:
            self.more.setdefault(id(module), [self.paths[id(module)]]).append(path)
            return
        self.paths[id(module)] = path
        self.modules.append((path, module))
        for name, child in vars(module).get("_modules", {}).items():
            if child is not None:
                self._name(child, (*path, name))

    @contextmanager
    def open(self) -> Iterator[None]:
        """Follow the modules being called."""
        register = nn.modules.module
        hooks = (
            register.register_module_forward_pre_hook(self._enter),
            register.register_module_forward_hook(self._leave, always_call=True),
        )
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _enter(self, module: nn.Module, _: Any) -> None:
        self._outer.append(self.writer.path)
        path = self.paths.get(id(module))
        move = None
        if path is not None:
            first, path = path, self._moved(path)
            if id(module) in self.more:
                here = self.writer.path
                path = max(map(self._moved, self.more[id(module)]), key=lambda name: shared_depth(name, here))
                move = (first, path)
            self.enter(path, type(module).__name__)
        self._moves.append(move)

    def enter(self, path: Path, kind: str = "") -> None:
        """Write what follows under a module, those around it named by their classes."""
        for above in range(1, len(path)):
            self.writer.enter(path[:above], kind=self.kinds.get(path[:above], ""))
        self.writer.enter(path, kind=kind or self.kinds.get(path, ""))

    def _leave(self, module: nn.Module, args: Any, output: Any) -> None:
        if self.leaving is not None:
            self.leaving(module, args, output)
        self._moves.pop()
        self.writer.path = self._outer.pop()

    def _moved(self, path: Path) -> Path:
        """The name of a module under the name that the module around it has been called by."""
        for move in reversed(self._moves):
            if move is not None and path[: len(move[0])] == move[0]:
                return (*move[1], *path[len(move[0]) :])
        return path
