"""Tables that shared/evaluation/text decides by, from the packages that the reference verifiers use.

Writes TypeScript: Punkt's English parameters as the `punkt_tab` folder of nltk's data has them, the words whose
syllables syllapy knows better than its rule, and the words that nltk's tagger takes for verbs at the start of a text, by
what kind of word is next. Arguments: the folder of nltk's data.
"""

import sys
from pathlib import Path

import numpy as np
import syllapy
from nltk.tag.perceptron import PerceptronTagger

TEXT = Path(__file__).resolve().parents[3] / "shared" / "evaluation" / "text"
MID_UPPER, LOWER = 4, 16 + 32 + 64


def fronted(words: list[str]) -> str:
    """Each word as the number of characters that it shares with the one before it, and the rest."""
    text, previous = "", ""
    for word in words:
        shared = 0
        while shared < min(len(previous), len(word), 35) and previous[shared] == word[shared]:
            shared += 1
        text += "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[shared] + word[shared:]
        previous = word
    return text


def lines(text: str, width: int = 118) -> str:
    parts = [text[at : at + width] for at in range(0, len(text), width)]
    return "\n".join(parts)


def punkt(folder: Path) -> None:
    def read(name: str) -> list[str]:
        return (folder / name).read_text(encoding="utf-8").splitlines()

    contexts = {word: int(flags) for word, flags in (line.split("\t") for line in read("ortho_context.tab"))}
    # Front coding needs an upper-case letter or a digit to start each word, which none of these has.
    lower = {word for word, flags in contexts.items() if flags & LOWER and word.islower() and not any(c.isdigit() for c in word)}
    never_upper = sorted(word for word in lower if not contexts[word] & MID_UPPER)
    also_upper = sorted(word for word in lower if contexts[word] & MID_UPPER)
    abbreviations = sorted(word for word in read("abbrev_types.txt") if word.strip(". "))
    collocations = sorted(" ".join(pair.split("\t")) for pair in read("collocations.tab"))
    starters = sorted(read("sent_starters.txt"))
    (TEXT / "punkt-english.ts").write_text(
        "/**\n"
        " * Parameters of the Punkt model for English, trained by Jan Strunk and Tibor Kiss on the Wall Street Journal, from nltk's data\n"
        " * (`punkt_tab`, Apache License 2.0). Written by tests/golden/make/text_tables.py.\n"
        " */\n"
        f"export const ABBREVIATIONS = `{' '.join(abbreviations)}`;\n"
        "/** Pairs around a period that ends no sentence, a line each. */\n"
        "export const COLLOCATIONS = `" + "\n".join(collocations) + "`;\n"
        f"export const SENTENCE_STARTERS = `{' '.join(starters)}`;\n"
        "/** Words that occur in small letters, and within sentences never with a capital; front-coded. */\n"
        f"export const NEVER_UPPER = `\n{lines(fronted(never_upper))}`;\n"
        "/** Words that occur in small letters, and within sentences with a capital too. */\n"
        f"export const ALSO_UPPER = `\n{lines(fronted(also_upper))}`;\n",
        encoding="utf-8",
    )


def syllables() -> None:
    by_count: dict[int, list[str]] = {}
    for word, count in sorted(syllapy.WORD_DICT.items()):
        if word.isalpha() and syllapy._syllables(word) != count:
            by_count.setdefault(count, []).append(word)
    rows = "".join(f"  {count}: `{' '.join(words)}`,\n" for count, words in sorted(by_count.items()))
    (TEXT / "syllable-exceptions.ts").write_text(
        "/** Words whose syllables are not as the rule counts them, from syllapy (MIT). Written by tests/golden/make/text_tables.py. */\n"
        f"export const SYLLABLE_EXCEPTIONS: Readonly<Record<number, string>> = {{\n{rows}}};\n",
        encoding="utf-8",
    )


# What may stand next: a word, and the one behind it.
NEXT = {
    "indefinite": ("a an", "short poem following email word list story text brief new song letter"),
    "definite": ("the", "following word text letter answer story words first given same entire"),
    "determiner": ("your my this these all each its their", "short poem following email answer word list story text brief new"),
    "preposition": ("to in on at of for with from as by about", "the a your least this following text English all each any"),
    "mark": (", . : ; ! ? ( '' `` -", "and The a I the it or in Yes 's"),
    "capital": ("English John I Paris The March What Python AI New", ", . is and of am in York a 's"),
    "other": ("two new me it three exactly and sure people only more sentences is you", "sentences ideas a is words two then that who the"),
}


# What most prompts of IFEval and IFBench begin with: the tagger decides by more than what is next, mostly for a verb.
ALWAYS = {"write"}


class FirstTagger:
    """The scores of a first word by itself and of what is next, which add up to the tagger's."""

    def __init__(self) -> None:
        self.tagger = PerceptronTagger()
        self.labels = sorted(self.tagger.classes)
        self.places = {label: place for place, label in enumerate(self.labels)}
        self.are_verbs = np.array(["VB" in label for label in self.labels])

    def scores(self, *features: str) -> np.ndarray:
        total = np.zeros(len(self.labels))
        for feature in features:
            for label, weight in self.tagger.model.weights.get(feature, {}).items():
                total[self.places[label]] += weight
        return total

    def of_word(self, word: str) -> np.ndarray:
        normal = self.tagger.normalize(word)
        return self.scores(
            *("bias", "i-1 tag -START-", "i-2 tag -START2-", "i tag+i-2 tag -START- -START2-"),
            *("i-1 word -START2-", "i-1 suffix T2-", "i-2 word -START-"),
            *(f"i suffix {word[-3:]}", f"i pref1 {word[0]}", f"i word {normal}", f"i-1 tag+i word -START- {normal}"),
        )

    def of_next(self, first: str, second: str) -> np.ndarray:
        first, second = self.tagger.normalize(first), self.tagger.normalize(second)
        return self.scores(f"i+1 word {first}", f"i+1 suffix {first[-3:]}", f"i+2 word {second}")


def first_verbs() -> None:
    first = FirstTagger()
    tagger = first.tagger
    known = {feature.split(" ")[-1] for feature in tagger.model.weights if feature.startswith("i word ")}
    known |= {word.lower() for word in tagger.tagdict}
    known = sorted(word for word in known if word.isascii() and word.isalpha() and len(word) > 1)
    nexts = [
        np.array([first.of_next(one, other) for one in ones.split() for other in others.split()])
        for ones, others in NEXT.values()
    ]
    groups: dict[tuple[str, str], list[str]] = {}
    for word in known:
        masks = []
        for form in (word.capitalize(), word):
            mask = 0
            for bit, contexts in enumerate(nexts):
                if form in tagger.tagdict:
                    share = float("VB" in tagger.tagdict[form])
                else:
                    share = first.are_verbs[(contexts + first.of_word(form)).argmax(axis=1)].mean()
                mask |= (share > 0.5 or word in ALWAYS) << bit
            masks.append(f"{mask:02x}")
        if masks != ["00", "00"]:
            groups.setdefault((masks[0], masks[1]), []).append(word)
    rows = "".join(f'  "{a}{b}": `{" ".join(words)}`,\n' for (a, b), words in sorted(groups.items()))
    (TEXT / "first-verbs.ts").write_text(
        "/**\n"
        " * Words that are verbs at the start of a text: by what is next, for the word with a capital and in small letters. Bits of a\n"
        " * hexadecimal number each, lowest first: a or an, the, a determiner, a preposition, a mark, a capital, another word. As nltk's averaged perceptron\n"
        " * tagger (MIT) decides for most of some neighbours. Written by tests/golden/make/text_tables.py.\n"
        " */\n"
        f"export const FIRST_VERBS: Readonly<Record<string, string>> = {{\n{rows}}};\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    punkt(Path(sys.argv[1]) / "tokenizers" / "punkt_tab" / "english")
    syllables()
    first_verbs()
