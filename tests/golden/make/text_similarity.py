"""Text metrics of graders: sacrebleu's sentence BLEU, nltk's GLEU and METEOR, rouge-score, rapidfuzz; and nltk's stems.

Writes graders/text-similarity.json: `pairs` of texts with their score by each metric, between 0 and 1, and `stems` of
words. Runs in an environment of its own, from requirements-graders.txt. nltk's METEOR gets a WordNet without any word,
since the metric is served without one.
"""

import json
import random
from pathlib import Path

from nltk.stem.porter import PorterStemmer
from nltk.translate.gleu_score import sentence_gleu
from nltk.translate.meteor_score import single_meteor_score
from rapidfuzz import fuzz
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU

GOLDEN = Path(__file__).resolve().parent.parent


def words(text: str) -> list[str]:
    return text.split()


METRICS = ("bleu", "gleu", "meteor", "rouge_1", "rouge_2", "rouge_3", "rouge_4", "rouge_5", "rouge_l", "fuzzy_match")

PLAIN = words("the cat sat on a mat and saw that it was late so they ran home to the old house by the sea")
INFLECTED = words("""
relational conditional rationally valency hesitancy digitizer conformably radically differently vilely analogously
vietnamization predication operator feudalism decisiveness hopefulness callousness formality sensitivity sensibility
triplicate formative formalize electricity electrical hopeful goodness revival allowance inference airliner gyroscopic
adjustable defensible irritant replacement adjustment dependent adoption communism activate angularity homologous
effective bowdlerize probate rate cease controlling roll skies dying news innings ties flies died spied spying enjoyment
happy enjoy agreed feed plastered motoring singing conflated troubled sized hopping tanned falling hissing fizzed
failing filing geology theological fully carefully playing played plays player yyyy saying toys
""")
FOREIGN = words("café naïve Straße ΟΔΟΣ ὈΔΥΣΣΕΎΣ İstanbul 東京都に住む こんにちは привет мир")
FOREIGN += words("مرحبا שלום नमस्ते 🙂 👩‍🚀 𝔘𝔫𝔦 e\u0301te\u0301")
MARKED = ["3.14", "1,000", "end.", "wait,", "it's", "well-known", "5-year", "(so)", "&quot;hm&quot;", "a&amp;b"]
MARKED += ["<skipped>"]
MARKED += ["$5", "50%", "x_y", "[1]", "{z}", "~", "`q`", "\\n", "re-\nsume", "..", "-", "A/B", "C++", "don’t", "…"]
SPACES = [" "] * 12 + ["  ", "\n", "\t", "\u00a0", "\u2003", "\u3000", "\u0085", "\x1f", "\u200b", "\ufeff"]
SUFFIXES = words("""
s es sses ies ss ed ied eed ing y ational tional enci anci izer bli abli alli entli eli ousli ization ation ator alism
iveness fulness ousness aliti iviti biliti fulli logi icate ative alize iciti ical ful ness al ance ence er ic able ible
ant ement ment ent ion sion tion ou ism ate iti ous ive ize e ll lle
""")
STEMS = words("t tr trou oat ivy privat syzyg toy hop fall fizz siz conflat troubl controll")
STEMS += words("y yy by ew box boy naïv café q 𝔘o")


def text(source: random.Random, pool: list[str], length: int) -> str:
    parts = [source.choice(pool) for _ in range(length)]
    return "".join(part + source.choice(SPACES) for part in parts)


def changed(source: random.Random, original: str, pool: list[str]) -> str:
    parts = original.split(" ")
    for _ in range(source.randint(1, 5)):
        at = source.randrange(len(parts))
        kind = source.randrange(5)
        if kind == 0:
            parts[at] = source.choice(pool)
        elif kind == 1:
            parts.insert(at, source.choice(pool))
        elif kind == 2 and len(parts) > 1:
            parts.pop(at)
        elif kind == 3:
            parts[at] = parts[at].upper()
        else:
            source.shuffle(parts)
    return " ".join(parts)


def pairs() -> list[tuple[str, str]]:
    source = random.Random(11)
    made = [
        ("", ""),
        ("", "a"),
        ("a", ""),
        (" ", "\n"),
        ("a", "a"),
        ("a", "b"),
        ("the cat sat", "the cat sat"),
        ("The cat sat.", "the cat sat"),
        ("the the the the", "the cat"),
        ("a b c d", "d c b a"),
        ("cats running", "cat runs"),
        ("東京", "東京都"),
        ("…", "..."),
        ("x" * 31, "x" * 33),
        ("ab" * 40, "ba" * 40),
        ("hello world \n", "hello world"),
    ]
    pools = [PLAIN, PLAIN + INFLECTED, PLAIN + MARKED, PLAIN + FOREIGN, PLAIN + INFLECTED + MARKED + FOREIGN]
    for i in range(210):
        pool = pools[i % len(pools)]
        first = text(source, pool, source.choice([1, 2, 3, 5, 8, 13, 30]))
        made.append((first, changed(source, first, pool) if i % 3 else text(source, pool, source.randint(1, 20))))
    for _ in range(4):
        first = text(source, pools[-1], 400)
        made.append((first, changed(source, first, pools[-1])))
    return made


class NoWordNet:
    def synsets(self, word: str) -> list:
        return []


def scores(hypothesis: str, reference: str) -> dict[str, float]:
    rouge = RougeScorer(["rouge1", "rouge2", "rouge3", "rouge4", "rouge5", "rougeL"]).score(reference, hypothesis)
    split = (reference.split(), hypothesis.split())
    return {
        "bleu": BLEU(effective_order=True).sentence_score(hypothesis, [reference]).score / 100,
        "gleu": sentence_gleu([split[0]], split[1]),
        "meteor": single_meteor_score(*split, wordnet=NoWordNet()),
        **{f"rouge_{n}": float(rouge[f"rouge{n}"].fmeasure) for n in range(1, 6)},
        "rouge_l": float(rouge["rougeL"].fmeasure),
        "fuzzy_match": fuzz.ratio(hypothesis, reference) / 100,
    }


def main() -> None:
    stemmer = PorterStemmer()
    every = sorted({*INFLECTED, *(stem + suffix for stem in STEMS for suffix in SUFFIXES)})
    rows = []
    for hypothesis, reference in pairs():
        of = scores(hypothesis, reference)
        rows.append({"input": hypothesis, "reference": reference, "scores": [of[metric] for metric in METRICS]})
    golden = {
        "metrics": METRICS,
        "pairs": rows,
        "stems": [[word, stemmer.stem(word)] for word in every],
    }
    path = GOLDEN / "graders" / "text-similarity.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    written = json.dumps(golden, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    path.write_text(written + "\n", encoding="utf-8")
    print(f"graders/{path.name}: {len(rows)} pairs, {len(every)} stems, {path.stat().st_size} bytes")


main()
