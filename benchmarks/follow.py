"""Time and memory of `tfpipe predict RUN - --follow`.

    tfpipe run anomaly-table --name cells
    python benchmarks/follow.py cells data/cells/cells.csv

Sends the rows of a table one by one, over and over, each when the one before is answered, and prints the milliseconds
from a row to its answer; then as many as fit through the pipe. The times of a series must rise, so of one without a
column of times only the channels are sent. The memory of the process is read after 1,000 rows and at the end.
"""

import argparse
import os
import subprocess
import sys
import threading
import time
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd


def memory(process: subprocess.Popen) -> float:
    """Resident memory in MB."""
    line = next(line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if "VmRSS" in line)
    return int(line.split()[1]) / 1024


def processor(process: subprocess.Popen) -> float:
    """CPU time so far in ms."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Prints times and memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("table")
    parser.add_argument("--columns", help="send only these, separated by commas")
    parser.add_argument("--rows", type=int, default=3_000, help="sent one by one")
    parser.add_argument("--more", type=int, default=50_000, help="sent as fast as they go")
    given = parser.parse_args()
    table = pd.read_csv(given.table, dtype=str)
    table = table[given.columns.split(",")] if given.columns else table
    header, *lines = table.to_csv(index=False).splitlines(keepends=True)
    command = [sys.executable, "-m", "tfpipelines", "predict", given.run, "-", "--follow"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdin.write(header)
    rows, times, early, used = cycle(lines), [], 0.0, 0.0
    for number in range(given.rows):
        began = time.perf_counter()
        process.stdin.write(next(rows))
        process.stdin.flush()
        process.stdout.readline()
        if number == 0:
            process.stdout.readline()  # behind the header
            used = processor(process)
        times.append(1000 * (time.perf_counter() - began))
        if number == min(1_000, given.rows - 1):
            early = memory(process)
    middle, high = np.percentile(times[1:], [50, 99])
    each = (processor(process) - used) / (given.rows - 1)
    print(f"one by one: {middle:.1f} ms a row (median), {high:.1f} ms (99%), {each:.1f} ms of CPU time")

    def send() -> None:
        for _ in range(given.more):
            process.stdin.write(next(rows))
        process.stdin.flush()

    began, used, sender = time.perf_counter(), processor(process), threading.Thread(target=send)
    sender.start()
    for _ in range(given.more):
        process.stdout.readline()
    sender.join()
    passed, each = 1000 * (time.perf_counter() - began) / given.more, (processor(process) - used) / given.more
    print(f"at once: {passed:.2f} ms a row, {each:.2f} ms of CPU time")
    print(f"memory: {early:.0f} MB after 1,000 rows, {memory(process):.0f} MB after {given.rows + given.more:,}")
    process.stdin.close()
    process.wait()


if __name__ == "__main__":
    main()
