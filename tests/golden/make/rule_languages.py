"""Regular expressions and grammars with texts, and whether llguidance accepts each text as a whole. Writes ../rules/languages.json.

Texts are made by small changes to a few that fit, so that most of them are near misses. Grammars are written twice: in GBNF, which
the project reads, and in the Lark notation of llguidance.
"""

import json
import random
from pathlib import Path

from llguidance import LLMatcher, LLTokenizer

OUT = Path(__file__).parent.parent / "rules" / "languages.json"
TOKENIZER = LLTokenizer("byte")

REGEXES = {
    r"[a-c]+d{2,4}": ["abcdd", "adddd"],
    r"(foo|bar)*baz?": ["foobarbaz", "ba"],
    r"\d{4}-\d{2}-\d{2}": ["2024-01-31"],
    r"(a|ab)(c|bcd)(d*)": ["abcd", "acd", "abcdd"],
    r"[^\n\"]*": ["any text", "", "é中😀"],
    r"(\+|-)?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?": ["-12.5e+3", "7"],
    r"((a|b)(c|d)){1,3}": ["acbd", "bcbdad"],
    r"[a-zA-Z_]\w*": ["_name1", "X"],
    r"(ab?){3}": ["ababab", "aaab"],
    r"x{0,3}y{2,}z?": ["xxyyz", "yy"],
    r"[а-яё]+( [а-яё]+)*": ["привет мир", "ёж"],
    r"(\\.|[^\\])*": ["a\\\\b", "\\n"],
}

GRAMMARS = {
    "arithmetic": (
        'root ::= expr\nexpr ::= term (("+" | "-") term)*\nterm ::= factor (("*" | "/") factor)*\n'
        'factor ::= [0-9]{1,3} | "(" expr ")"',
        'start: expr\nexpr: term (("+" | "-") term)*\nterm: factor (("*" | "/") factor)*\nfactor: /[0-9]{1,3}/ | "(" expr ")"',
        ["1+2*(3-4)", "((12))/3"],
    ),
    "brackets": (
        'root ::= pair*\npair ::= "(" pair* ")" | "[" pair* "]"',
        'start: pair*\npair: "(" pair* ")" | "[" pair* "]"',
        ["()[]", "([()])", ""],
    ),
    "equal counts": (
        'root ::= "a" root "b" | "ab"',
        'start: "a" start "b" | "ab"',
        ["ab", "aaabbb"],
    ),
    "palindromes": (
        'root ::= "a" root "a" | "b" root "b" | "a" | "b" | ""',
        'start: "a" start "a" | "b" start "b" | "a" | "b" |',
        ["abba", "ababa", ""],
    ),
    "lists": (
        'root ::= "{" (item ("," item)*)? "}"\nitem ::= name | root\nname ::= [a-z]+',
        'start: "{" (item ("," item)*)? "}"\nitem: NAME | start\nNAME: /[a-z]+/',
        ["{}", "{a,{b,c},{}}"],
    ),
    "sentences": (
        'root ::= subject " " verb (" " object)? "."\nsubject ::= "she" | "the " noun\nobject ::= "the " noun\n'
        'noun ::= "cat" | "catalogue" | "dog"\nverb ::= "sees" | "see"',
        'start: subject " " verb (" " object)? "."\nsubject: "she" | "the " noun\nobject: "the " noun\n'
        'noun: "cat" | "catalogue" | "dog"\nverb: "sees" | "see"',
        ["she sees the catalogue.", "the cat sees."],
    ),
    "commands": (
        'root ::= ("set " key "=" value | "get " key | "del " key (" " key)*) "\\n"\nkey ::= [a-z] [a-z0-9_]{0,4}\n'
        'value ::= "\\"" [^"\\n]* "\\"" | [0-9]+',
        'start: ("set " KEY "=" value | "get " KEY | "del " KEY (" " KEY)*) "\\n"\nKEY: /[a-z][a-z0-9_]{0,4}/\n'
        'value: /"[^"\\n]*"/ | /[0-9]+/',
        ['set a_1="x y"\n', "del a b c\n", "get key\n", "set k=42\n"],
    ),
}


def accepts(grammar: str, text: str) -> bool:
    matcher = LLMatcher(TOKENIZER, grammar)
    assert not matcher.is_error(), matcher.get_error()
    tokens = list(text.encode())
    if matcher.validate_tokens(tokens) < len(tokens):
        return False
    return matcher.consume_tokens(tokens) and matcher.is_accepting()


def changed(text: str, letters: list[str], rng: random.Random) -> str:
    for _ in range(rng.randint(1, 3)):
        at = rng.randint(0, len(text))
        kind = rng.choice(["insert", "drop", "swap", "double"])
        if kind == "insert":
            text = text[:at] + rng.choice(letters) + text[at:]
        elif kind == "drop":
            text = text[:at] + text[at + 1 :]
        elif kind == "swap":
            text = text[:at] + rng.choice(letters) + text[at + 1 :]
        else:
            text = text[:at] + text[max(0, at - 3) :]
    return text


def verdicts(grammar: str, seeds: list[str], rng: random.Random) -> list:
    letters = sorted(set("".join(seeds))) + ["x", "0", " "]
    texts = dict.fromkeys(seeds)
    while len(texts) < 60:
        texts[changed(rng.choice(list(texts)), letters, rng)] = None
    return [[text, accepts(grammar, text)] for text in texts]


def main() -> None:
    rng = random.Random(7)
    found = []
    for regex, seeds in REGEXES.items():
        found.append({"spec": {"regex": regex}, "texts": verdicts(LLMatcher.grammar_from_regex(regex), seeds, rng)})
    for gbnf, lark, seeds in GRAMMARS.values():
        found.append({"spec": {"grammar": gbnf}, "texts": verdicts(LLMatcher.grammar_from_lark(lark), seeds, rng)})
    lines = ",\n".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in found)
    OUT.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    all_verdicts = [accepted for case in found for _, accepted in case["texts"]]
    print(f"{len(found)} languages, {sum(all_verdicts)} texts accepted and {len(all_verdicts) - sum(all_verdicts)} not")


if __name__ == "__main__":
    main()
