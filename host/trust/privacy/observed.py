"""What an observer can say about each pseudonym it saw."""

import json
import subprocess
from dataclasses import dataclass

import numpy as np

# Messages that waited in the silence leave at once when it ends.
FLUSH_S = 0.05


@dataclass
class Pseudonym:
    connects: float
    disconnects: float
    address: int
    digest: np.ndarray  # of bits
    topics: tuple
    times: np.ndarray  # of the messages of its main topic, s
    waited: int  # messages that were sent as soon as it spoke
    interval: float  # median, s
    spread: float  # of the intervals, s
    phase: float  # of the beat, in parts of it
    delay: float  # from the signed time to the observer's, median, s
    delay_min: float
    drift: float  # of that, s each s
    beat: float  # mean interval of its messages, s
    first_sequence: int
    last_sequence: int
    bytes: float  # mean size of a message
    bytes_spread: float
    data_bytes: float
    announced: float  # time of the last announcement


def run(binary, word, *options):
    """Simulates, and gives the pseudonyms of each node in order: a list for each generation, nodes in the same order."""
    lines = subprocess.run([binary, word, *options], check=True, capture_output=True, text=True).stdout
    frames, connections, truth = {}, {}, []
    for line in lines.splitlines():
        event = json.loads(line)
        match event["event"]:
            case "frame":
                frames.setdefault(event["certificate"], []).append(event)
            case "truth":
                truth.append(event["pseudonyms"])
            case kind:
                connections.setdefault((kind, event["from"]), []).append(event["at"] / 1e6)
    whole = [node for node in truth if len(node) == len(truth[0]) and all(name in frames for name in node)]
    assert len(whole) >= len(truth) - 5, "nearly all nodes have spoken under each pseudonym"
    return [[pseudonym(name, frames[name], connections) for name in names] for names in zip(*whole)]


def pseudonym(name, frames, connections):
    address = frames[0]["from"]
    arrived = np.array([frame["at"] for frame in frames]) / 1e6
    signed = np.array([frame["time"] for frame in frames]) / 1e6 - 1_800_000_000
    opened = [at for at in connections[("connects", address)] if at <= arrived[0] + 0.02]
    closed = [at for at in connections.get(("disconnects", address), []) if at >= arrived[-1] - 0.02]
    connects, disconnects = max(opened), min(closed, default=np.inf)
    is_main = np.array([not frame["topic"].startswith("$") for frame in frames])
    times = arrived[is_main]
    waited = int(np.sum(times < connects + FLUSH_S)) if len(times) else 0
    beats = times[waited:]
    intervals = np.diff(beats)
    interval = float(np.median(intervals)) if len(intervals) else np.nan
    spread = float(np.median(np.abs(intervals - interval))) if len(intervals) else np.nan
    period = round(interval, 1) if interval > 0.1 else np.nan
    beat = (beats[-1] - beats[0]) / max(1, round((beats[-1] - beats[0]) / period)) if len(beats) > 2 and period > 0 else np.nan
    turns = np.exp(2j * np.pi * beats / period).mean() if len(beats) and period > 0 else np.nan
    sizes = np.array([frame["bytes"] for frame in frames])
    announced = arrived[~is_main]
    return Pseudonym(
        connects=connects, disconnects=disconnects, address=address,
        digest=np.unpackbits(np.frombuffer(bytes.fromhex(name), np.uint8)),
        topics=tuple(sorted({frame["topic"] for frame in frames})),
        times=times, waited=waited, interval=interval, spread=spread,
        phase=float(np.angle(turns) / (2 * np.pi)) if np.abs(turns) > 0.9 else np.nan,
        delay=float(np.median(arrived - signed)), delay_min=float(np.min(arrived - signed)),
        drift=float(np.polyfit(arrived - arrived[0], arrived - signed, 1)[0]) if len(arrived) > 2 else np.nan,
        beat=float(beat),
        first_sequence=frames[0]["sequence"], last_sequence=frames[-1]["sequence"],
        bytes=float(sizes.mean()), bytes_spread=float(sizes.std()),
        data_bytes=float(np.mean([frame["data-bytes"] for frame in frames])),
        announced=float(announced[-1]) if len(announced) else np.nan,
    )
