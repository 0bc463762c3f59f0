"""Run one command and write what it took: seconds, CPU seconds, ru_maxrss and exit code, or nothing if it was stopped.

python -I -S launch.py LIMIT FILE COMMAND...

This is a program of its own, and imports next to nothing, because a process begins with the memory of the one that
starts it: started by a large one, a small command would seem as large.
"""

import os
import signal
import sys
import time


def main() -> None:
    """Run the command with the streams and the environment of this process."""
    limit, file, *command = sys.argv[1:]
    late = False
    start = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ)

    def stop(*_: object) -> None:
        nonlocal late
        late = True
        os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, float(limit))
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - start
    signal.setitimer(signal.ITIMER_REAL, 0)
    cpu = usage.ru_utime + usage.ru_stime
    with open(file, "w", encoding="ascii") as result:
        result.write("" if late else f"{seconds} {cpu} {usage.ru_maxrss} {os.waitstatus_to_exitcode(status)}")


main()
