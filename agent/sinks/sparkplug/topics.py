"""The topics of a Sparkplug edge node (specification 3.0, chapter 4)."""

from __future__ import annotations

NAMESPACE = "spBv1.0"


class Topics:
    """The topics of one edge node."""

    def __init__(self, group: str, node: str, host: str | None) -> None:
        self._group = group
        self._node = node
        self.nbirth = self._of("NBIRTH")
        self.ndeath = self._of("NDEATH")
        self.ndata = self._of("NDATA")
        self.ncmd = self._of("NCMD")
        self.dcmd = f"{self._of('DCMD')}/+"
        """Commands to all devices of the node."""
        self.state = None if host is None else f"{NAMESPACE}/STATE/{host}"
        """Where the primary host says whether it is there."""

    def _of(self, message: str) -> str:
        return f"{NAMESPACE}/{self._group}/{message}/{self._node}"

    def device(self, message: str, device: str) -> str:
        """Return the topic of a message about a device: DBIRTH, DDATA, DDEATH."""
        return f"{self._of(message)}/{device}"

    def commanded(self, topic: str) -> str | None:
        """Return the device that a command is for, empty for the node; None: it is no command."""
        if topic == self.ncmd:
            return ""
        before = self.dcmd[:-1]
        return topic.removeprefix(before) if topic.startswith(before) else None
