"""Processes that end with the one that has started them."""

import ctypes
import multiprocessing
import os
import signal
import sys


def die_with_parent() -> None:
    """In the child: the kernel kills it when its parent is gone, even by SIGKILL. Linux only;
    elsewhere a child must be ended by its parent.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def die_with_server() -> None:
    """In a worker of granian or Celery: without the process that looks after it, it would go on
    answering and hold the port, or the queue, against the next one.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return  # no worker: somebody has imported the application
    die_with_parent()
    if os.getppid() != parent.pid:  # it was gone before it could be told
        os._exit(1)
