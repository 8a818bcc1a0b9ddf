"""Intervals and logistic regressions as statsmodels and scipy compute them, in float64.

Writes report/statistics.json: Wilson's and Student's intervals, the differences of matched shares, and regressions of preferences
on a model and the difference of lengths, with ties and with targets in between; means and regressions also of values in clusters. Runs from requirements-report.txt.
"""

import json
import math
import random
import warnings
from pathlib import Path

import numpy as np
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

GOLDEN = Path(__file__).resolve().parent.parent
LEVEL = 0.05
draws = random.Random(20)


def wilson(right, n):
    low, high = proportion_confint(right, n, alpha=LEVEL, method="wilson")
    return {"right": right, "n": n, "low": float(low), "high": float(high)}


def student(values):
    mean, n = float(np.mean(values)), len(values)
    half = stats.t.ppf(1 - LEVEL / 2, n - 1) * np.std(values, ddof=1) / math.sqrt(n)
    return {"values": values, "low": float(mean - half), "high": float(mean + half)}


def matched(b, c, n):
    """Agresti and Min, 2005, formula (3): half an observation more in each cell of the 2 x 2 table."""
    z = stats.norm.ppf(1 - LEVEL / 2)
    p12, p21, total = (b + 0.5) / (n + 2), (c + 0.5) / (n + 2), n + 2
    centre = p12 - p21
    half = z * math.sqrt(((p12 + p21) - centre**2) / total)
    return {"gained": b, "lost": c, "n": n, "low": centre - half, "high": centre + half}


def regression(n, theta, phi, ties):
    lengths = [draws.randrange(-120, 240) for _ in range(n)]
    spread = float(np.std(lengths))
    x = np.tanh(np.array(lengths) / spread)
    preferences = []
    for value in x:
        if draws.random() < ties:
            preferences.append(0.5)
        else:
            preferences.append(float(draws.random() < 1 / (1 + math.exp(-(theta + phi * value)))))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = sm.GLM(np.array(preferences), sm.add_constant(x), family=sm.families.Binomial()).fit(tol=1e-14, maxiter=200)
    # statsmodels scales by 1 for a binomial family, as maximum likelihood has it.
    return {
        "lengths": lengths, "preferences": preferences,
        "coefficients": [float(v) for v in fit.params], "standard_errors": [float(v) for v in fit.bse],
    }  # fmt: skip


def clusters_of(n, most):
    """Numbers of clusters of 1 to `most` members, n in all, in a row."""
    clusters, cluster = [], 0
    while len(clusters) < n:
        clusters += [cluster] * draws.randint(1, most)
        cluster += 1
    return clusters[:n]


def clustered_mean(n, most):
    clusters = clusters_of(n, most)
    shifts = [draws.gauss(0, 2) for _ in range(n)]
    values = [shifts[c] + draws.gauss(1, 1) for c in clusters]
    fit = sm.OLS(np.array(values), np.ones(n)).fit(cov_type="cluster", cov_kwds={"groups": np.array(clusters)}, use_t=True)
    low, high = fit.conf_int(LEVEL)[0]
    return {"values": values, "clusters": clusters, "low": float(low), "high": float(high)}


def clustered_regression(n, most, theta, phi):
    clusters = clusters_of(n, most)
    shifts = [draws.gauss(0, 1.5) for _ in range(n)]
    lengths = [draws.randrange(-120, 240) for _ in range(n)]
    x = np.tanh(np.array(lengths) / float(np.std(lengths)))
    wins = [float(draws.random() < 1 / (1 + math.exp(-(theta + shifts[c] + phi * v)))) for c, v in zip(clusters, x)]
    model = sm.GLM(np.array(wins), sm.add_constant(x), family=sm.families.Binomial())
    fit = model.fit(tol=1e-14, maxiter=200, cov_type="cluster", cov_kwds={"groups": np.array(clusters)})
    return {
        "lengths": lengths, "preferences": wins, "clusters": clusters,
        "coefficients": [float(v) for v in fit.params], "standard_errors": [float(v) for v in fit.bse],
    }  # fmt: skip


golden = {
    "wilson": [wilson(*case) for case in [(0, 5), (5, 5), (1, 3), (12.5, 32), (31, 64), (63, 64), (900, 1000)]],
    "student": [student([draws.gauss(1, 2) for _ in range(n)]) for n in (2, 3, 5, 6, 7, 12, 31, 200)],
    "quantiles": [[d, float(stats.t.ppf(1 - LEVEL / 2, d))] for d in (1, 2, 3, 4, 5, 6, 7, 8, 10, 15, 30, 100, 1000)],
    "matched": [matched(*case) for case in [(0, 0, 64), (5, 2, 40), (30, 0, 32), (0, 1, 10)]],
    "regressions": [regression(*case) for case in [(40, 0.4, 1.0, 0), (64, 1.5, -0.5, 0.2), (300, -0.3, 0.8, 0.1)]],
    "clustered_means": [clustered_mean(*case) for case in [(12, 3), (40, 5), (200, 8)]],
    "clustered_regressions": [clustered_regression(*case) for case in [(40, 4, 0.4, 1.0), (240, 8, -0.3, 0.8)]],
}
path = GOLDEN / "report" / "statistics.json"
path.parent.mkdir(exist_ok=True)
path.write_text(json.dumps(golden, indent=1) + "\n")
