"""Statistics of agreement between raters, with missing values and at their edges.

Writes agreement/agreement.json: tables of labels (one list for each rater, null where a value is missing), and for each
pair of raters Cohen's kappa, plain and weighted; Fleiss' kappa where every unit has the same number of labels;
Krippendorff's alpha at three levels; Wilson intervals; and areas under the ROC curve. null stands for what the
references leave undefined.
"""

import json
import math
import warnings
from itertools import combinations
from pathlib import Path

import krippendorff
import numpy as np
from sklearn.metrics import cohen_kappa_score, roc_auc_score
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa
from statsmodels.stats.proportion import proportion_confint

warnings.simplefilter("ignore")
rng = np.random.default_rng(20261129)


def noisy(raters, units, categories, keep, missing):
    """Raters who see the same truth through noise, and leave some units out."""
    truth = rng.integers(1, categories + 1, units)
    rows = []
    for _ in range(raters):
        said = np.where(rng.random(units) < keep, truth, rng.integers(1, categories + 1, units))
        rows.append([None if rng.random() < missing else int(v) for v in said])
    return rows


TABLES = {
    # Krippendorff 2011, the example with missing values.
    "krippendorff": [
        [None, None, None, None, None, 3, 4, 1, 2, 1, 1, 3, 3, None, 3],
        [1, None, 2, 1, 3, 3, 4, 3, None, None, None, None, None, None, None],
        [None, None, 2, 1, 3, 4, 4, None, 2, 1, 1, 3, 3, None, 4],
    ],
    "two": noisy(2, 40, 2, 0.7, 0),
    "five": noisy(5, 60, 5, 0.6, 0),
    "sparse": noisy(6, 50, 4, 0.5, 0.6),
    "chance": noisy(3, 80, 3, 0, 0.2),
    "opposite": [[1, 2, 1, 2], [2, 1, 2, 1]],
    "perfect": [[1, 2, 3, 3], [1, 2, 3, 3], [1, 2, 3, 3]],
    "one category": [[2, 2, 2], [2, 2, 2]],
    "one category each": [[1, 1, 1], [2, 2, 2]],
    "no overlap": [[1, 2, None, None], [None, None, 1, 2]],
    "all missing": [[None, None], [None, None]],
    "one rater": [[1, 2, 3]],
    "decimals": [[0.5, 1.25, 3, 2.75, None], [0.5, 1.5, 3, 2, 1], [1, 1.25, 2.5, 2.75, 1]],
}


def finite(value):
    return None if value is None or not math.isfinite(value) else float(value)


def kappa(a, b, labels, weights):
    pairs = [(x, y) for x, y in zip(a, b) if x is not None and y is not None]
    if not pairs:
        return None
    x, y = ([str(labels.index(v)).zfill(3) for v in side] for side in zip(*pairs))
    names = [str(i).zfill(3) for i in range(len(labels))]
    return finite(cohen_kappa_score(x, y, labels=names, weights=weights))


def alpha(rows, level):
    data = np.array([[np.nan if v is None else v for v in row] for row in rows], dtype=float)
    try:
        return finite(krippendorff.alpha(reliability_data=data, level_of_measurement=level))
    except (ValueError, AssertionError, ZeroDivisionError, IndexError):
        return None


def fleiss(rows):
    if len(rows) < 2 or any(v is None for row in rows for v in row):
        return None
    return finite(fleiss_kappa(aggregate_raters(np.array(rows).T)[0]))


cases = []
for name, rows in TABLES.items():
    labels = sorted({v for row in rows for v in row if v is not None})
    pairs = [
        {"raters": [i, j], **{w or "none": kappa(rows[i], rows[j], labels, w) for w in (None, "linear", "quadratic")}}
        for i, j in combinations(range(len(rows)), 2)
    ]
    levels = {level: alpha(rows, level) for level in ("nominal", "ordinal", "interval")}
    whole = len(rows) >= 2 and all(v is not None for row in rows for v in row)
    cases.append({"name": name, "rows": rows, "pairs": pairs, "alpha": levels, "fleiss": fleiss(rows), "whole": whole})

wilson = []
for hits, n in [(0, 5), (5, 5), (1, 1), (37, 80), (499, 1000)]:
    low, high = proportion_confint(hits, n, alpha=0.05, method="wilson")
    wilson.append({"hits": hits, "n": n, "low": float(low), "high": float(high)})


def delong(positives, negatives):
    """The standard error of the area, straight from the definition: one kernel value for each pair."""
    kernel = np.array([[1.0 if p > q else 0.5 if p == q else 0.0 for q in negatives] for p in positives])
    v10, v01 = kernel.mean(axis=1), kernel.mean(axis=0)
    return float(np.sqrt(v10.var(ddof=1) / len(v10) + v01.var(ddof=1) / len(v01)))


areas = []
for p, q in [(30, 40), (2, 9), (12, 3)]:
    positives = [int(v) for v in rng.integers(0, 20, p) + 2]
    negatives = [int(v) for v in rng.integers(0, 20, q)]
    area = roc_auc_score([1] * p + [0] * q, positives + negatives)
    areas.append({"positives": positives, "negatives": negatives, "area": float(area), "error": delong(positives, negatives)})

path = Path(__file__).resolve().parent.parent / "agreement" / "agreement.json"
path.parent.mkdir(exist_ok=True)
text = json.dumps({"cases": cases, "wilson": wilson, "areas": areas}, separators=(",", ":"), allow_nan=False)
path.write_text(text + "\n", encoding="utf-8")
print(f"{path.name}: {path.stat().st_size} bytes")
