"""The process that starts and watches the server processes."""

from uvicorn.supervisors import Multiprocess


class Workers(Multiprocess):
    """Named in `cli.run_server`. Closes its copy of the listening socket before the workers stop.

    While any copy is open, the system accepts connections that no worker serves.
    """

    def terminate_all(self) -> None:
        for listening in self.sockets:
            listening.close()
        super().terminate_all()
