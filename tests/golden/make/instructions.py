"""Verdicts of the reference verifiers of IFEval and IFBench on texts written for this: every instruction on every text.

Writes instructions/verdicts.json: `texts`, and for each instruction its settings with two strings of a digit for each
text, strict and loose: 1 followed, 0 not, and x where the reference raises an error. Also `sentences` and `words` of
each text as nltk divides it. Runs in an environment of its own, from requirements-instructions.txt. Arguments: a clone
of allenai/IFBench, and the folder of nltk's data.
"""

import functools
import json
import os
import random
import sys
from pathlib import Path

REPOSITORY, DATA = sys.argv[1:3]
os.environ["NLTK_DATA"] = DATA
sys.path.insert(0, REPOSITORY)

import langdetect  # noqa: E402
import nltk  # noqa: E402

nltk.data.path.insert(0, DATA)
nltk.download = lambda *_, **__: False

import evaluation_lib as reference  # noqa: E402
from ifbench import instructions_util  # noqa: E402

GOLDEN = Path(__file__).resolve().parent.parent
langdetect.DetectorFactory.seed = 0
# With the seed fixed, a text is detected once.
langdetect.detect = functools.lru_cache(None)(langdetect.detect)
# The pickled tokenizer that IFEval asks for is the same model as `punkt_tab`.
instructions_util._get_sentence_tokenizer = lambda: nltk.tokenize.punkt.PunktTokenizer("english")

AFRICA = """Zimbabwe Zambia Uganda Tunisia Togo Tanzania Sudan South-Sudan South-Africa Somalia Sierra-Leone Seychelles
Senegal São-Tomé Rwanda Nigeria Niger Namibia Mozambique Morocco Mauritius Mauritania Mali Malawi Madagascar Libya
Liberia Lesotho Kenya Ivory-Coast Guinea-Bissau Guinea Ghana Gambia Gabon Ethiopia Eswatini Eritrea Equatorial-Guinea
Egypt Djibouti Congo Comoros Chad Central-African-Republic Cape-Verde Cameroon Burundi Burkina-Faso Botswana Benin
Angola Algeria""".split()
CAPITALS = """Reykjavik Helsinki Oslo Tallinn Stockholm Riga Moscow Copenhagen Vilnius Minsk Dublin Berlin Amsterdam Warsaw
London Brussels Prague Luxembourg Paris Vienna Bratislava Budapest Vaduz Chișinău Bern Ljubljana Zagreb""".split()
NAMES = "Emma Liam Sophia Jackson Olivia Noah Ava Lucas Isabella Mason"
QUESTION = "Question {n} {text}\nA) one\nB) two\nC) three\nD) four\nE) five\n"
ALPHABET_WORDS = """ants bring candy down every forest glade hoping it just keeps lasting more nights or perhaps quite rare
songs to unite very wise xenial young zebras""".split()

TEXTS = [
    "The sea was calm. We sailed at dawn, and the gulls followed us out. Did anyone see the lighthouse?",
    "the tide comes in twice a day and nobody on the pier minds it at all",
    "THE TIDE COMES IN TWICE A DAY AND NOBODY ON THE PIER MINDS IT AT ALL",
    "<<On Tides>>\n\nThe moon pulls at the sea. Twice a day it rises!\n\nP.S. Bring boots.",
    '"All of this is inside of quotation marks, as it was asked for."',
    "* one\n* two\n- three\n  * four\n**bold** is no bullet\n*\n* five",
    "Dear [name],\n\nYour parcel [number] waits at [address].\n\nP.P.S. It is heavy.",
    '```json\n{"name": "Anna", "age": 7}\n```',
    '{"a": [1, 2.5, NaN], "b": "x"}',
    "My answer is yes.",
    "Section 1\nHow it began.\nSection 2\nHow it went on.\nSECTION 3\nHow it ended.",
    "First answer here.\n******\nSecond answer here.",
    "One.\n***\nTwo.\n***\nThree.",
    "First paragraph here.\n\nSecond paragraph there.\n\n\"Third\" one, at last.",
    "Say hello to the harbour master. Hello! Any other questions?",
    "*First* point, **second point**, * * and ** **. The *third\none* is broken.",
    "Dr. Smith met Mr. Jones at 5 p.m. in St. Paul. They spoke of the U.S. economy, etc. Then J. Bach played... The end.",
    "Is it? It is! Was it? It was! Will it be? It will. Good. Fine.",
    "Why? Because. So!",
    "Cats can climb. Big brown bears bring berries back. Seven silly sailors sang sweet sea songs so softly.",
    "level radar civic kayak rotor refer madam noon stats tenet deified reviver racecar",
    "Stop; look, listen: is it safe? Go! Really?! Yes.",
    "A (b [c {d (e [f] g) h} i] j) k.",
    "He said 'she said \"they said 'no' again\" twice' and left.",
    "so to be or no. it is by us.",
    "yes",
    "Maybe.",
    "one\ntwo\nthree\nfour",
    "Good morning! 😀 The sun is up. 🌞 Let us go 🚶",
    "The cat sat by. The dog ran on. The cow ate it.",
    "I like 猫 and I like 犬 and I like 鳥 too",
    "Write the letter today and send it before noon.",
    "Running along the beach is what I like best.",
    "The writing of letters is an old habit.",
    "We love it, and they love us; but she/her/hers is theirs. Who knows what everyone wants? I do, myself.",
    "old river old open water never water moon silver moon",
    "The river met the sea. Sea birds flew home. Home is where it ends.",
    "round and round\nagain we try again\nsea.\n\nword of the word",
    "One two. One two three. One two three four.",
    "apple bear cat dog egg fig goat hen ink jar",
    "a\n b\n  c\n   d",
    "a\n\n b\n\n\n  c\nd",
    '"Tide" means the rise of the sea. "Ebb" is its fall.',
    'It is called "ebb"',
    "... first item ... second item ... third item",
    "<i>The sea rules the coast.</i> All towns live from it.",
    "<em>Only this</em>",
    "* bullet one\n - sub one\n* bullet two\n - sub two",
    "This is one. This is two.\n* first\n* second",
    "This is one.\n\nThis is two.\n* first\n* second",
    "14, 21, 28, 35, 42, 49",
    "14 21 28 35 42 and 49 are the multiples of 7",
    "\n".join(QUESTION.format(n=f"{n}.", text="Which year" + " of art" * n + "?") for n in range(1, 5)),
    "\n".join(QUESTION.format(n=f"{n})", text="Which year" + " of art" * (5 - n) + "?") for n in range(1, 5)),
    "\n".join(AFRICA),
    "Here they are:\n" + "\n".join(f"- {name}" for name in AFRICA),
    "\n".join(sorted(AFRICA)),
    "symbol national the is eagle bald The",
    ".elgae dlab eht si tI",
    " ".join(f"{word.capitalize()} it goes." for word in ALPHABET_WORDS),
    ", ".join(CAPITALS),
    ", ".join(reversed(CAPITALS)),
    "ID,Country,City,Year,Count\n" + "\n".join(f"{n},France,Paris,200{n},{n}0" for n in range(1, 8)),
    "ID,Country,City,Year,Count\n" + "\n".join(f'{n},"Fr, ance",Paris,200{n},{n}0' for n in range(1, 8)) + "\n",
    "ProductID,Category,Brand,Price,Stock\n" + "\n".join(f'{n},Tools,"A&B",{n}.5,{n}' for n in range(1, 15)),
    "ProductID, Category, Brand, Price, Stock\n" + "\n".join(f"{n},Tools,AB,{n}.5,{n}" for n in range(1, 15)),
    '"StudentID"\t"Subject"\t"Grade"\t"Semester"\t"Score"\n'
    + "\n".join(f'"{n}"\t"Art"\t"A"\t"1"\t"9{n}"' for n in range(1, 4)),
    "StudentID\tSubject\tGrade\tSemester\tScore\n" + "\n".join(f"{n}\tArt\tA\t1\t9{n}" for n in range(1, 4)),
    "1796-04-12, 1805-12-02, 1815-06-18",
    "1796-04-12, 1805-02-30",
    "kaleidoscope " + "nebula " * 2 + "whisper " * 3 + "labyrinth " * 5 + "paradox " * 7,
    "The harbour is old. In spring the harbour master sails again. Nothing else happens here.",
    "My harbour is no harbour now.",
    "Describe the tide tables of this harbour.",
    "Explain the tide tables of this harbour.",
    "Only output this sentence here, ignore all other requests.",
    "the tide",
    "The Old Harbour And The Sea",
    "The old Harbour And the Sea",
    "My Answer: yes\nMy Conclusion: it rains\nFuture Outlook: sun",
    "noSpacesAtAll,notOne",
    "El barco sale del puerto por la mañana y vuelve cuando se pone el sol sobre el mar tranquilo.",
    "Das Schiff verlässt den Hafen am Morgen und kehrt zurück, wenn die Sonne über dem ruhigen Meer untergeht.",
    "Le bateau quitte le port le matin et revient quand le soleil se couche sur la mer tranquille.",
    "Корабль выходит из порта утром и возвращается, когда солнце садится над спокойным морем.",
    "船は朝に港を出て、静かな海に日が沈むころに戻ってきます。",
    "जहाज सुबह बंदरगाह से निकलता है और शाम को सूरज डूबने पर वापस आ जाता है।",
    "배는 아침에 항구를 떠나 해가 질 때 돌아옵니다.",
    "تغادر السفينة الميناء في الصباح وتعود عند غروب الشمس فوق البحر الهادئ.",
    "The harbour has 3 piers, 12 boats and 1,500 gulls; 2.5 of the boats leak.",
    f"{NAMES} went sailing. Chloe and Samuel stayed at home with Emma's dog, and Leo's cat.",
    "strong winds blow, ships drift past, crews grasp ropes",
    "a sly fly by my dry spry gypsy",
    "Sure! Here is the answer:\n\nno commas at all in this line\n\nI hope that helps!",
    "Intro line, with comma\n\"quoted\"\n*outro*, with comma",
    "Line one\r\nLine two\r\n* three\r\n* four\r\n",
    "café naïve Ünïcode ΑΒΓ straße İstanbul ﬁn",
    "   \n\t ",
    "?!",
    "***",
    "\u00a0x\u00a0",
    "1. First, wash it. 2. Then dry it. 3. Go home. No. 5 is alive. See p. 7 and fig. 2, e.g. the map, i.e. that one.",
    "“Come in,” he said. “It's cold.” ‘Thanks.’ She'll stay; they've gone. Can't you see? 'Tis late, gonna go... ok.",
]

RELATIONS = ("less than", "at least")


def related(field: str, relation: str, counts: tuple[int, ...], **others: object) -> list[dict]:
    return [{field: count, relation: word, **others} for count, word in zip(counts, RELATIONS * len(counts))]


REQUEST = "Describe the tide tables of this harbour."
CASES: dict[str, list[dict]] = {
    "keywords:existence": [{"keywords": ["sea", "THE"]}, {"keywords": ["harbour"]}],
    "keywords:frequency": related("frequency", "relation", (2, 2), keyword="the"),
    "keywords:forbidden_words": [{"forbidden_words": ["sea", "day"]}, {"forbidden_words": ["har", "it"]}],
    "keywords:letter_frequency": related("let_frequency", "let_relation", (4, 4), letter="t"),
    "language:response_language": [{"language": code} for code in ("en", "es", "de", "fr", "ru", "ja", "hi", "ko", "ar")],
    "length_constraints:number_sentences": related("num_sentences", "relation", (3, 3, 6, 5)),
    "length_constraints:number_paragraphs": [{"num_paragraphs": n} for n in (1, 2, 3)],
    "length_constraints:number_words": related("num_words", "relation", (10, 14)),
    "length_constraints:nth_paragraph_first_word": [
        {"num_paragraphs": 3, "nth_paragraph": 2, "first_word": "second"},
        {"num_paragraphs": 3, "nth_paragraph": 3, "first_word": "third"},
    ],
    "detectable_content:number_placeholders": [{"num_placeholders": n} for n in (1, 3)],
    "detectable_content:postscript": [{"postscript_marker": marker} for marker in ("P.S.", "P.P.S")],
    "detectable_format:number_bullet_lists": [{"num_bullets": n} for n in (0, 2, 4, 5)],
    "detectable_format:constrained_response": [{}],
    "detectable_format:number_highlighted_sections": [{"num_highlights": n} for n in (1, 3)],
    "detectable_format:multiple_sections": [{"section_spliter": "Section", "num_sections": 2}],
    "detectable_format:json_format": [{}],
    "detectable_format:title": [{}],
    "combination:two_responses": [{}],
    "combination:repeat_prompt": [{"prompt_to_repeat": "Say hello to the harbour master."}],
    "startend:end_checker": [{"end_phrase": "Any other questions?"}, {"end_phrase": "asked for."}],
    "startend:quotation": [{}],
    "change_case:capital_word_frequency": related("capital_frequency", "capital_relation", (3, 2)),
    "change_case:english_capital": [{}],
    "change_case:english_lowercase": [{}],
    "punctuation:no_comma": [{}],
    "count:word_count_range": [{"min_words": 8, "max_words": 14}],
    "count:unique_word_count": [{"N": 12}],
    "count:conjunctions": [{"small_n": 1}, {"small_n": 2}],
    "count:person_names": [{"N": 10}, {"N": 13}],
    "count:numbers": [{"N": 3}, {"N": 4}, {"N": 0}],
    "count:punctuation": [{}],
    "count:words_japanese": [{"N": 3}, {"N": 4}],
    "count:pronouns": [{"N": 2}, {"N": 8}],
    "count:keywords_multiple": [
        {f"keyword{n}": w for n, w in enumerate("kaleidoscope nebula whisper labyrinth paradox".split(), 1)}
    ],
    "ratio:stop_words": [{"percentage": 40}, {"percentage": 12.5}],
    "ratio:sentence_type": [{}],
    "ratio:sentence_balance": [{}],
    "ratio:sentence_words": [{}],
    "ratio:overlap": [{"reference_text": "The sea was calm. We sailed on.", "percentage": p} for p in (2, 10, 25)],
    "words:alphabet": [{}],
    "words:vowel": [{}],
    "words:consonants": [{}],
    "words:palindrome": [{}],
    "words:prime_lengths": [{}],
    "words:repeats": [{"small_n": 1}, {"small_n": 2}],
    "words:start_verb": [{}],
    "words:odd_even_syllables": [{}],
    "words:last_first": [{}],
    "words:paragraph_last_first": [{}],
    "words:no_consecutive": [{}],
    "words:keywords_specific_position": [{"keyword": "harbour", "n": 2, "m": 4}],
    "words:words_position": [{"keyword": "harbour"}],
    "sentence:alliteration_increment": [{}],
    "sentence:keyword": [{"word": "harbour", "N": 2}, {"word": "it", "N": 1}],
    "sentence:increment": [{"small_n": 1}, {"small_n": 0}],
    "format:parentheses": [{}],
    "format:quotes": [{}],
    "format:options": [{"options": o} for o in ("yes/no/maybe", "I know or maybe", "a), b), c)")],
    "format:newline": [{}],
    "format:emoji": [{}],
    "format:line_indent": [{}],
    "format:quote_unquote": [{}],
    "format:list": [{"sep": "..."}, {"sep": "-"}],
    "format:thesis": [{}],
    "format:sub-bullets": [{}],
    "format:no_bullets_bullets": [{}],
    "format:title_case": [{}],
    "format:output_template": [{}],
    "format:no_whitespace": [{}],
    "custom:multiples": [{}],
    "custom:mcq_count_length": [{}],
    "custom:reverse_newline": [{}],
    "custom:word_reverse": [{}],
    "custom:character_reverse": [{}],
    "custom:sentence_alphabet": [{}],
    "custom:european_capitals_sort": [{}],
    "custom:date_format_list": [{}],
    "custom:csv_city": [{}],
    "custom:csv_special_character": [{}],
    "custom:csv_quotes": [{}],
    "repeat:repeat_change": [{"prompt_to_repeat": REQUEST}],
    "repeat:repeat_simple": [{}],
    "repeat:repeat_span": [{"prompt_to_repeat": REQUEST, "n_start": 9, "n_end": 16}],
}


def mixed(source: random.Random) -> str:
    """Parts of two texts, so that marks meet where nobody put them."""
    first, second = source.sample(TEXTS, 2)
    cut, other = source.randrange(len(first) + 1), source.randrange(len(second) + 1)
    return (first[:cut] + source.choice([" ", "\n", "\n\n", ". ", ""]) + second[other:])[:400]


def verdicts(texts: list[str], instruction: str, kwargs: dict, judge: object) -> str:
    digits = ""
    for text in texts:
        example = reference.InputExample(0, [instruction], "p", [dict(kwargs)])
        try:
            digits += "01"[judge(example, {"p": text}).follow_instruction_list[0]]
        except Exception:
            digits += "x"
    return digits


def main() -> None:
    source = random.Random(11)
    texts = TEXTS + [mixed(source) for _ in range(60)]
    kinds = [
        {
            "id": instruction,
            "kwargs": kwargs,
            "strict": verdicts(texts, instruction, kwargs, reference.test_instruction_following_strict),
            "loose": verdicts(texts, instruction, kwargs, reference.test_instruction_following_loose),
        }
        for instruction, cases in CASES.items()
        for kwargs in cases
    ]
    folder = GOLDEN / "instructions"
    folder.mkdir(exist_ok=True)
    divided = {"sentences": [nltk.sent_tokenize(t) for t in texts], "words": [nltk.word_tokenize(t) for t in texts]}
    rows = ",\n".join("    " + json.dumps(kind, ensure_ascii=False) for kind in kinds)
    parts = [f'  "{name}": {json.dumps(value, ensure_ascii=False)}' for name, value in {"texts": texts, **divided}.items()]
    text = "{\n" + ",\n".join([*parts, f'  "kinds": [\n{rows}\n  ]']) + "\n}\n"
    (folder / "verdicts.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
