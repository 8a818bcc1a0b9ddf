"""How transformers loads a tokenizer.json of the class LlamaTokenizer: what `legacy` and `add_prefix_space` make of it.

Writes tokenizer/llama.json: {texts, random, cases}. A case is {name, settings, config, added, ids, plain, decoded,
randomDecoded}: the llama2-like tokenizer.json with the added tokens `added`, loaded with these fields of
tokenizer_config.json and this config.json (null: none). ids[i] are the ids of texts[i] with special tokens recognised,
plain[i] the same without them (null where equal), both without what post-processing adds; decoded[i] is what ids[i]
decode to, and randomDecoded[i] what random[i] do.
"""

import json
import random
import tempfile
from pathlib import Path

from transformers import AutoTokenizer

from golden_io import GOLDEN, write_json
from tokenizer_texts import TEXTS

SOURCE = GOLDEN / "tokenizer/hub/llama2-like/tokenizer.json"
SPECIAL = [
    "<s>", "</s>", "<s>a", "<s> a", "<s>  a", "a</s>b", "a </s> b ", "</s>\n<s>a", "<s><s>a", "<s>▁a", "▁a", "▁▁a▁b ▁", " ▁a",
    "a  b", "   ", " a", "  a   b ", "☃\U0010ffff a", "x<tool>y <tool> z", "<tool>a", "<|turn|>user hi<|turn|> a",
]  # fmt: skip
TOOLS = [
    {"content": "<|turn|>", "special": True, "normalized": False},
    {"content": "<tool>", "special": False, "normalized": True},
]
LLAMA = {"tokenizer_class": "LlamaTokenizer"}
CASES = {
    "as it is": ({"tokenizer_class": "PreTrainedTokenizerFast"}, "llama", []),
    "as it is, for a class of no name": ({}, "llama", []),
    "as it is, for Mistral": (LLAMA, "mistral", []),
    "by default": (LLAMA, "llama", []),
    "without a config": (LLAMA, None, []),
    "by its fast name": ({"tokenizer_class": "LlamaTokenizerFast"}, "llama", []),
    "legacy": (LLAMA | {"legacy": True}, "llama", []),
    "not legacy": (LLAMA | {"legacy": False}, "llama", []),
    "legacy of null": (LLAMA | {"legacy": None}, "llama", []),
    "without a prefix": (LLAMA | {"add_prefix_space": False}, "llama", []),
    "legacy without a prefix": (LLAMA | {"add_prefix_space": False, "legacy": True}, "llama", []),
    "with a prefix": (LLAMA | {"add_prefix_space": True, "legacy": False}, "llama", []),
    "a prefix of null": (LLAMA | {"add_prefix_space": None}, "llama", []),
    "with added tokens": (LLAMA, "llama", TOOLS),
    "legacy with added tokens": (LLAMA | {"legacy": True}, "llama", TOOLS),
    "without a prefix, with added tokens": (LLAMA | {"add_prefix_space": False}, "llama", TOOLS),
}


def loaded(settings, model_type, tools):
    file = json.loads(SOURCE.read_text(encoding="utf-8"))
    next_id = len(file["model"]["vocab"])
    plain = {"single_word": False, "lstrip": False, "rstrip": False}
    added = [plain | tool | {"id": next_id + i} for i, tool in enumerate(tools)]
    file["added_tokens"] += added
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    config = None if model_type is None else {"model_type": model_type}
    with tempfile.TemporaryDirectory() as folder:
        for name, value in [
            ("tokenizer.json", file),
            ("tokenizer_config.json", names | settings),
            ("config.json", config),
        ]:
            if value is not None:
                (Path(folder) / name).write_text(json.dumps(value), encoding="utf-8")
        return AutoTokenizer.from_pretrained(folder), added, names | settings, config


def case(name, texts, random_ids):
    tokenizer, added, settings, config = loaded(*CASES[name])
    backend = tokenizer.backend_tokenizer
    ids = [backend.encode(text, add_special_tokens=False).ids for text in texts]
    backend.encode_special_tokens = True
    plain = [backend.encode(text, add_special_tokens=False).ids for text in texts]
    decode = lambda tokens: tokenizer.decode(tokens, clean_up_tokenization_spaces=False)
    return {
        "name": name, "settings": settings, "config": config, "added": added, "ids": ids,
        "plain": [None if a == b else b for a, b in zip(ids, plain)],
        "decoded": [decode(tokens) for tokens in ids],
        "randomDecoded": [decode(tokens) for tokens in random_ids],
    }  # fmt: skip


if __name__ == "__main__":
    source = random.Random(51)
    size = len(json.loads(SOURCE.read_text(encoding="utf-8"))["model"]["vocab"])
    random_ids = [[source.randrange(size) for _ in range(source.randrange(1, 7))] for _ in range(40)]
    texts = SPECIAL + TEXTS
    write_json(
        "tokenizer/llama.json",
        {"texts": texts, "random": random_ids, "cases": [case(name, texts, random_ids) for name in CASES]},
    )
