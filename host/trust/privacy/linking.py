"""Pairs of an old and a new pseudonym, what they have in common, and a classifier that tells which belong together."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.ensemble import HistGradientBoostingClassifier


def pairs(old, new):
    """A matrix for each feature: rows are old pseudonyms, columns new ones."""
    def values(side, name):
        return np.array([getattr(pseudonym, name) for pseudonym in side], float)

    def difference(after, before):
        return values(new, after)[None, :] - values(old, before)[:, None]

    def around(turns):  # distance on a circle of 1
        turns = np.mod(turns, 1)
        return np.minimum(turns, 1 - turns)

    gap = difference("connects", "disconnects")
    sequence = around(difference("first_sequence", "last_sequence") / 65536) * 65536
    topics = np.array([[a.topics == b.topics for b in new] for a in old], float)
    last = np.array([pseudonym.times[-1] if len(pseudonym.times) else np.nan for pseudonym in old])
    first = np.array([pseudonym.times[0] if len(pseudonym.times) else np.nan for pseudonym in new])
    beats = np.floor((values(new, "connects")[None, :] - last[:, None]) / values(old, "interval")[:, None])
    bits = np.array([[np.sum(a.digest != b.digest) for b in new] for a in old], float)
    close = {
        "phase": around(difference("phase", "phase")),
        "delay": np.abs(difference("delay", "delay")),
        "least delay": np.abs(difference("delay_min", "delay_min")),
        "drift": np.abs(difference("drift", "drift")),
        "beat": np.abs(difference("beat", "beat")),
        "sequence": sequence,
        "address": np.log1p(np.abs(difference("address", "address"))),
        "interval": np.abs(difference("interval", "interval")),
        "spread": np.abs(difference("spread", "spread")),
        "bytes": np.abs(difference("bytes", "bytes")),
        "bytes spread": np.abs(difference("bytes_spread", "bytes_spread")),
        "data bytes": np.abs(difference("data_bytes", "data_bytes")),
        "digest": bits,
    }
    other = {
        "gap": gap,
        "from last to first message": first[None, :] - last[:, None],
        "since announcement": difference("connects", "announced"),
        "topics": topics,
        "waited": values(new, "waited")[None, :] - beats,
    }
    # How a new pseudonym compares with the others says more than the distance itself.
    ranks = {f"rank of {name}": rank(np.where(topics > 0, matrix, np.inf)) for name, matrix in close.items()}
    return close | other | ranks


def rank(matrix):
    matrix = np.where(np.isnan(matrix), np.inf, matrix)
    return (matrix[:, None, :] < matrix[:, :, None]).sum(axis=2).astype(float)


def table(generations):
    """All changes of a run: the features of each pair, a row each, and whether the two belong to one node."""
    changes = [pairs(old, new) for old, new in zip(generations, generations[1:])]
    names = list(changes[0])
    rows = np.concatenate([np.stack([change[name].ravel() for name in names], axis=1) for change in changes])
    nodes = len(generations[0])
    return names, rows, np.tile(np.eye(nodes).ravel(), len(changes))


def train(runs):
    """Of the pairs that do not belong together every fifth is enough."""
    tables = [table(run) for run in runs]
    rows, labels = (np.concatenate([part[index] for part in tables]) for index in (1, 2))
    kept = (labels > 0) | (np.random.default_rng(1).random(len(labels)) < 0.2)
    model = HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=8, min_samples_leaf=100, early_stopping=False, random_state=1
    )
    return model.fit(rows[kept], labels[kept])


def accuracy(model, generations):
    """Which part of the changes is linked: by the best guess for each, and by the best guess for all together."""
    _, rows, _ = table(generations)
    nodes = len(generations[0])
    likelihood = model.decision_function(rows).reshape(-1, nodes, nodes)
    single = np.mean([best_guess(change) for change in likelihood])
    together = np.mean([np.mean(linear_sum_assignment(-change)[1] == np.arange(nodes)) for change in likelihood])
    return float(single), float(together)


def best_guess(likelihood):
    """Among equals one is picked at random, so each counts for its part."""
    best = likelihood == likelihood.max(axis=1, keepdims=True)
    return np.mean(np.diag(best) / best.sum(axis=1))
