"""Measures how well an observer of the wire links a pseudonym to the next one of the same node.

    check.py OBSERVER-BINARY

runs the example `observer` and needs what `requirements.txt` names. Exits 0 when nodes that keep to the protocol are linked no
better than by chance and 5 % more, and nodes that make a mistake are linked far better.
"""

import os
import sys
from concurrent.futures import ProcessPoolExecutor

# Two scenarios run at a time, each in one thread: results do not depend on the order of sums.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import linking  # noqa: E402
import observed  # noqa: E402

NODES = 200
CHANCE = 1 / NODES
LIMIT = CHANCE + 0.05
# What a mistake must reach, so that the measurement is known to see it.
LINKED = 0.1
# Mistakes, and what an observer sees of them.
FAULTS = {
    "sequence": "sequence number goes on",
    "address": "address stays",
    "phase": "timers keep their phase",
    "clock": "signed times show the clock",
    "drift": "clocks run free",
    "reconnect": "new connection when the old one ends",
    "alone": "each node changes at a time of its own",
}


def measure(binary, fault):
    """Trains on some runs and measures on another one."""
    if fault:
        options, words = ["--slot", "300", "--fault", fault], ["training"]
    else:
        options, words = ["--slot", "900"], ["training", "more training"]
    model = linking.train([observed.run(binary, word, *options) for word in words])
    return linking.accuracy(model, observed.run(binary, "test", *options))


def main():
    [binary] = sys.argv[1:]
    with ProcessPoolExecutor(2) as pool:
        scenarios = {fault: pool.submit(measure, binary, fault) for fault in [None, *FAULTS]}
        failed = 0
        print(f"linked of {NODES} nodes in 3 changes; chance {CHANCE:.1%}", flush=True)
        for fault, measured in scenarios.items():
            single, together = measured.result()
            best = max(single, together)
            passed = best >= LINKED if fault else best <= LIMIT
            failed += not passed
            wanted = f"at least {LINKED:.1%}" if fault else f"at most {LIMIT:.1%}"
            name = FAULTS.get(fault, "as the protocol has it")
            print(f"{'ok  ' if passed else 'FAIL'} {name:38} {best:6.1%}  ({wanted})", flush=True)
    print(f"{len(scenarios) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
