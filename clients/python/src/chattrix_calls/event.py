"""Events and their handlers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")
Handler = Callable[[T], Awaitable[None] | None]


class Event(Generic[T]):
    """Event of the client: call it with a handler, as a function or as a decorator."""

    def __init__(self) -> None:
        self._handlers: list[Handler[T]] = []
        # The event loop holds tasks weakly.
        self._running: set[asyncio.Future[None]] = set()

    def __call__(self, handler: Handler[T]) -> Handler[T]:
        """Calls `handler` on each event. A coroutine runs as a task; its exceptions go to the event loop."""
        self._handlers.append(handler)
        return handler

    def remove(self, handler: Handler[T]) -> None:
        """Removes a handler."""
        self._handlers.remove(handler)

    def next(self) -> Awaitable[T]:
        """Returns the next event from now on, as a future."""
        arrived: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def resolve(event: T) -> None:
            if not arrived.done():
                arrived.set_result(event)

        self._handlers.append(resolve)
        arrived.add_done_callback(lambda _: self._handlers.remove(resolve))
        return arrived

    def emit(self, event: T) -> None:
        """Calls the handlers; an exception in one does not affect the others."""
        loop = asyncio.get_running_loop()
        for handler in [*self._handlers]:
            try:
                result = handler(event)
            except Exception as error:
                loop.call_exception_handler({"message": "handler of a call event failed", "exception": error})
                continue
            if result is not None:
                task = asyncio.ensure_future(result)
                self._running.add(task)
                task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Future[None]") -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()):
            context = {"message": "handler of a call event failed", "exception": error}
            task.get_loop().call_exception_handler(context)
