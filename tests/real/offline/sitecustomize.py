"""Makes a process offline: it opens no socket, and what talks to providers or records them cannot be imported."""

import sys


def _refuse_sockets(event, arguments):
    if event == "socket.__new__":
        raise ConnectionError("this process is offline")


sys.modules.update(dict.fromkeys(("openai", "httpx", "httpx2", "httpcore", "httpcore2", "vcr")))  # None: no import
sys.addaudithook(_refuse_sockets)
