"""Client of a Chattrix Calls server: REST, WebSocket, reconnect and token renewal."""

from .client import Calls, Connected, Disconnected, Over, Timing
from .event import Event
from .models import *  # noqa: F403
from .rest import ApiError, Rest
from .token import TokenSource

__all__ = ["ApiError", "Calls", "Connected", "Disconnected", "Event", "Over", "Rest", "Timing", "TokenSource"]
