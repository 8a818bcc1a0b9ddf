"""Every option that a tokenizer.json may set, on small vocabularies, and the Rust library on hostile strings.

Writes tokenizer/options.json: {models: {name: model}, texts, configurations}. A configuration is {name, file, model,
ids, plain, decoded, random, randomDecoded}: `file` is the tokenizer.json without its model; ids[i] and plain[i] are the ids
of texts[i] with special tokens recognised and read as ordinary text (plain only where it differs); decoded[i] is what
ids[i] decode to where that is not the text; randomDecoded[i] is what the arbitrary ids random[i] decode to, special
tokens kept. Training breaks ties differently each time, so the models of an existing file are used again.

`tokenizer_options.py FUZZ.json COUNT SEED` writes the same for COUNT generated strings, for a larger comparison.
"""

import base64
import json
import random
import sys
import tempfile
import unicodedata
from pathlib import Path

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from golden_io import GOLDEN, write_json
from tokenizer_texts import CORPUS, TEXTS
from tokenizers_small import LLAMA3_SPLIT, VERSIONS

UNDERLINE = "▁"
GPT4O_SPLIT = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
NASTY = [
    "a  b",
    "   ",
    "\u0085a\u0085 b\u2003c",
    "\ufeffbom\ufeff \ufeff",
    "١٢٣ ४५६ ²³ Ⅷ ½ 12三",
    "12ab34 5 678901",
    "she'ſ IT'S don'T",
    "ΟΔΟΣ ΟΔΟΣ. İI",
    "a-b--c---d",
    "x.y, z! (q)?",
    "e\u0301e\u0301 \u0301 ï",
    "<tool>a<tool> b <tool>c</tool>",
    "word wordy sword word. _word_ word",
    "a <left> b<left>c",
    "a<right>  b <right>\tc",
    "LOUD loud Loud",
    "<unk> <s> </s></s>",
    "☃☃ ☃a☃",
    "▁▁a▁b ▁",
    "\r\n\r\n a\n",
    "aĠb Ċ",
    "日本 語、テスト。",
    "\u200d\u200b\u00ad",
    "\x00\x01\x7f",
    "the the the thethe",
    "𝔘𐍈😀😀",
    "Ａ① cafe\u0301 ﬁne\u00adly\u3000☃ 👍🏽👍",
]


def trained(pre_tokenizer, size, special, **options):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", **{k: v for k, v in options.items() if k.endswith("fix")}))
    tokenizer.pre_tokenizer = pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=special,
        initial_alphabet=options.get("alphabet", []),
        show_progress=False,
        **({} if "alphabet" in options else {"limit_alphabet": 70}),
        **{k: v for k, v in options.items() if k.endswith("fix")},
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return json.loads(tokenizer.to_str())["model"]


SPECIAL = ["<unk>", "<s>", "</s>"]


def all_models():
    byte = trained(pre_tokenizers.ByteLevel(False), 380, SPECIAL, alphabet=pre_tokenizers.ByteLevel.alphabet())
    meta = trained(pre_tokenizers.Metaspace(split=True), 200, SPECIAL)
    words = sorted(meta["vocab"], key=meta["vocab"].get)
    bytes_ = [f"<0x{b:02X}>" for b in range(256)]
    fallback = meta | {"vocab": {p: i for i, p in enumerate(SPECIAL + bytes_ + words[3:])}, "byte_fallback": True}
    white = pre_tokenizers.WhitespaceSplit()
    unigram = Tokenizer(models.Unigram())
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    unigram.train_from_iterator(
        CORPUS,
        trainers.UnigramTrainer(vocab_size=150, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False),
    )
    scores = [[p, round(s, 4)] for p, s in json.loads(unigram.to_str())["model"]["vocab"]]
    wordpiece = Tokenizer(models.WordPiece(unk_token="<unk>", max_input_chars_per_word=12))
    wordpiece.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    wordpiece.train_from_iterator(
        CORPUS, trainers.WordPieceTrainer(vocab_size=200, special_tokens=SPECIAL, show_progress=False)
    )
    return {
        "byte": byte,
        "byte ignoring merges": byte | {"ignore_merges": True},
        "metaspace": meta,
        "metaspace fusing unknowns": meta | {"fuse_unk": True},
        "metaspace without an unknown token": meta | {"unk_token": None},
        "byte fallback": fallback | {"fuse_unk": True},
        "byte fallback with few bytes": fallback
        | {"vocab": {p: i for i, p in enumerate(SPECIAL + bytes_[:0xE2] + words[3:])}},
        "prefix": trained(white, 180, SPECIAL, continuing_subword_prefix="##"),
        "suffix": trained(white, 180, SPECIAL, end_of_word_suffix="</w>"),
        "unigram": {"type": "Unigram", "unk_id": 0, "vocab": scores, "byte_fallback": False},
        "unigram with bytes": {
            "type": "Unigram",
            "unk_id": 0,
            "vocab": scores + [[b, -20.0] for b in bytes_],
            "byte_fallback": True,
        },
        "wordpiece": json.loads(wordpiece.to_str())["model"],
    }


RULES = [
    ("Ａ", "A"),
    ("①", "1"),
    ("e\u0301", "é"),
    ("\u3000", " "),
    ("ﬁ", "fi"),
    ("\u00ad", ""),
    ("\t", " "),
    ("☃", "snow"),
    ("👍🏽", "+"),
]


def charsmap(**options):
    """SentencePiece's compiled normalisation rules, taken from a model that is trained with them."""
    with tempfile.TemporaryDirectory() as folder:
        rules = Path(folder) / "rules.tsv"
        points = lambda text: " ".join(f"{ord(c):X}" for c in text)
        rules.write_text("".join(f"{points(a)}\t{points(b)}\n" for a, b in RULES), encoding="utf-8")
        chosen = options or {"normalization_rule_tsv": str(rules)}
        prefix = str(Path(folder) / "m")
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(CORPUS), model_prefix=prefix, vocab_size=120, minloglevel=2, **chosen
        )
        model = sentencepiece_model_pb2.ModelProto()
        model.ParseFromString(Path(prefix + ".model").read_bytes())
        return base64.b64encode(model.normalizer_spec.precompiled_charsmap).decode()


def byte_level(**options):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True, **options}


def metaspace(scheme="always", split=True):
    return {"type": "Metaspace", "replacement": UNDERLINE, "prepend_scheme": scheme, "split": split}


def split(pattern, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}


def pres(*parts):
    return {"type": "Sequence", "pretokenizers": list(parts)}


def norms(*parts):
    return {"type": "Sequence", "normalizers": list(parts)}


def decs(*parts):
    return {"type": "Sequence", "decoders": list(parts)}


def replace(pattern, content):
    return {"type": "Replace", "pattern": pattern, "content": content}


PREPEND = {"type": "Prepend", "prepend": UNDERLINE}
SPACES = replace({"String": " "}, UNDERLINE)
LLAMA = decs(
    replace({"String": UNDERLINE}, " "),
    {"type": "ByteFallback"},
    {"type": "Fuse"},
    {"type": "Strip", "content": " ", "start": 1, "stop": 0},
)
BYTES = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
NO_REGEX = byte_level(use_regex=False)
WORD = {"type": "Whitespace"}


def configurations():
    """name → (model, normalizer, pre-tokenizer, decoder)."""
    made = {
        "byte level": ("byte", None, byte_level(), BYTES),
        "byte level with a prefix space": ("byte", None, byte_level(add_prefix_space=True), BYTES),
        "byte level without a regex": ("byte ignoring merges", None, NO_REGEX, BYTES),
        "byte level as a normalizer": ("byte", {"type": "ByteLevel"}, None, BYTES),
        "llama 3 split": ("byte ignoring merges", None, pres(split({"Regex": LLAMA3_SPLIT}), NO_REGEX), BYTES),
        "gpt-4o split": ("byte", None, pres(split({"Regex": GPT4O_SPLIT}), NO_REGEX), BYTES),
        "qwen split, nfc": ("byte", {"type": "NFC"}, pres(split({"Regex": QWEN_SPLIT}), NO_REGEX), BYTES),
        "prepend": ("byte fallback", norms(PREPEND, SPACES), None, LLAMA),
        "prepend, unknowns": ("metaspace", norms(PREPEND, SPACES), None, LLAMA),
        "prepend, few bytes": ("byte fallback with few bytes", norms(PREPEND, SPACES), None, LLAMA),
        "spaces replaced": ("byte fallback", SPACES, split({"String": " "}, "MergedWithPrevious"), LLAMA),
        "metaspace unknowns dropped": ("metaspace without an unknown token", None, metaspace(), metaspace()),
        "metaspace never decoder": ("metaspace", None, metaspace("never"), metaspace("never")),
        "old metaspace": (
            "metaspace",
            None,
            {"type": "Metaspace", "replacement": UNDERLINE, "add_prefix_space": True},
            {"type": "Metaspace", "replacement": UNDERLINE, "add_prefix_space": True},
        ),
        "continuing prefix": (
            "prefix",
            None,
            {"type": "WhitespaceSplit"},
            {"type": "WordPiece", "prefix": "##", "cleanup": True},
        ),
        "end of word": ("suffix", None, {"type": "WhitespaceSplit"}, {"type": "BPEDecoder", "suffix": "</w>"}),
        "wordpiece": (
            "wordpiece",
            {
                "type": "BertNormalizer",
                "clean_text": True,
                "handle_chinese_chars": True,
                "strip_accents": None,
                "lowercase": True,
            },
            {"type": "BertPreTokenizer"},
            {"type": "WordPiece", "prefix": "##", "cleanup": True},
        ),
        "unigram": ("unigram", norms({"type": "Nmt"}, {"type": "NFKC"}), metaspace(), metaspace()),
        "precompiled": ("byte", {"type": "Precompiled", "precompiled_charsmap": charsmap()}, byte_level(), BYTES),
        "unigram with bytes": ("unigram with bytes", None, metaspace("first", False), LLAMA),
        "no decoder": ("metaspace", None, metaspace(), None),
    }
    for scheme in ["first", "always", "never"]:
        for cut in [True, False]:
            made[f"metaspace {scheme}, split {cut}"] = (
                "metaspace fusing unknowns",
                None,
                metaspace(scheme, cut),
                metaspace(),
            )
    for individual in [True, False]:
        digits = {"type": "Digits", "individual_digits": individual}
        made[f"digits, individual {individual}"] = ("byte", None, pres(digits, byte_level()), BYTES)
    for behavior in ["Isolated", "Removed", "Contiguous", "MergedWithNext", "MergedWithPrevious"]:
        pattern = {"Regex": r"[-\d]|th"}
        for invert in [False, True]:
            made[f"split {behavior}, invert {invert}"] = (
                "byte",
                None,
                pres(split(pattern, behavior, invert), NO_REGEX),
                BYTES,
            )
        made[f"split on a string, {behavior}"] = ("byte", None, pres(split({"String": "-"}, behavior), NO_REGEX), BYTES)
        made[f"punctuation {behavior}"] = (
            "byte",
            None,
            pres({"type": "Punctuation", "behavior": behavior}, NO_REGEX),
            BYTES,
        )
    for pre in [
        WORD,
        {"type": "WhitespaceSplit"},
        {"type": "CharDelimiterSplit", "delimiter": "-"},
        {"type": "FixedLength", "length": 3},
    ]:
        made[pre["type"]] = ("byte", None, pres(pre, NO_REGEX), BYTES)
    for norm in [
        {"type": "NFD"},
        {"type": "NFKC"},
        {"type": "NFKD"},
        {"type": "Nmt"},
        {"type": "Lowercase"},
        {"type": "Strip", "strip_left": True, "strip_right": False},
        {"type": "Strip", "strip_left": False, "strip_right": True},
        norms({"type": "NFD"}, {"type": "StripAccents"}),
        replace({"Regex": r"\s+"}, " "),
        replace({"String": "a"}, "$1&"),
        {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": False,
            "strip_accents": False,
            "lowercase": False,
        },
    ]:
        made[f"normalizer {json.dumps(norm)}"] = ("byte", norm, byte_level(), BYTES)
    return made


def added(first):
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    special = [plain | {"id": i, "content": c, "special": True} for i, c in enumerate(SPECIAL)]
    extra = [
        {"content": "<tool>"},
        {"content": "<tool>a"},
        {"content": "word", "single_word": True},
        {"content": "<left>", "lstrip": True},
        {"content": "<right>", "rstrip": True},
        {"content": "LOUD", "normalized": True},
        {"content": "日本"},
        {"content": "<both>", "lstrip": True, "rstrip": True, "normalized": True},
    ]
    return special + [plain | {"id": first + i} | token for i, token in enumerate(extra)]


def generated(count, seed):
    """Strings from pieces that tokenizers stumble over and from code points of every category."""
    draw = random.Random(seed)
    pieces = [p for text in TEXTS + NASTY for p in text.split(" ") if p] + [
        " ",
        "  ",
        "\n",
        "\t",
        "'s",
        "'S",
        UNDERLINE,
    ]
    pieces += ["<tool>", "<left>", "<right>", "<both>", "word", "LOUD", "loud", "</s>", "<unk>", "12", "-", "th", "."]
    points = [c for c in range(0x3200) if unicodedata.category(chr(c)) not in ("Cn", "Cs")]
    texts = []
    while len(texts) < count:
        parts = [
            draw.choice(pieces) if draw.random() < 0.7 else chr(draw.choice(points)) for _ in range(draw.randint(1, 12))
        ]
        texts.append("".join(p + (" " if draw.random() < 0.3 else "") for p in parts))
    return texts


def results(tokenizer_json, texts, draw):
    tokenizer = Tokenizer.from_str(tokenizer_json)
    plain = Tokenizer.from_str(tokenizer_json)
    plain.encode_special_tokens = True
    ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    plain_ids = [plain.encode(text, add_special_tokens=False).ids for text in texts]
    decoded = [tokenizer.decode(i, skip_special_tokens=False) for i in ids]
    size = tokenizer.get_vocab_size()
    arbitrary = [[draw.randrange(size) for _ in range(draw.randint(1, 8))] for _ in range(len(texts) // 4)]
    return {
        "ids": ids,
        "plain": {str(n): p for n, (i, p) in enumerate(zip(ids, plain_ids)) if i != p},
        "decoded": {str(n): d for n, (d, text) in enumerate(zip(decoded, texts)) if d != text},
        "random": arbitrary,
        "randomDecoded": [tokenizer.decode(i, skip_special_tokens=False) for i in arbitrary],
    }


def golden(texts, seed):
    existing = GOLDEN / "tokenizer" / "options.json"
    known = json.loads(existing.read_text(encoding="utf-8"))["models"] if existing.exists() else all_models()
    rows = []
    for name, (model, normalizer, pre_tokenizer, decoder) in configurations().items():
        file = {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": added(len(known[model]["vocab"])),
            "normalizer": normalizer,
            "pre_tokenizer": pre_tokenizer,
            "post_processor": None,
            "decoder": decoder,
        }
        made = results(json.dumps(file | {"model": known[model]}), texts, random.Random(f"{seed} {name}"))
        rows.append({"name": name, "model": model, "file": file} | made)
    return VERSIONS | {"models": known, "texts": texts, "configurations": rows}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        path, count, seed = sys.argv[1:]
        with open(path, "w", encoding="utf-8") as out:
            json.dump(golden(generated(int(count), int(seed)), seed), out, ensure_ascii=True)
    else:
        write_json("tokenizer/options.json", golden(NASTY + generated(14, 7), 7))
