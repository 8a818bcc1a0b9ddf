"""The embedded base's tokenizer as the Python libraries read it: ids, decodings, rendered chats and assistant masks.

Writes tokenizer/base.json; run it again whenever infra/base/model's tokenizer is made anew. `digest` is the sha256 of
the tokenizer.json that it was made from.
"""

import hashlib
from pathlib import Path

from transformers import AutoTokenizer

from chats import chats_of
from golden_io import GOLDEN, write_json
from tokenizers_small import VERSIONS, cases_of

BASE = GOLDEN.parent.parent / "infra" / "base" / "model"


def digest(path: Path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    tokenizer = AutoTokenizer.from_pretrained(BASE)
    cases = cases_of(BASE)
    for case in cases:
        assert case["ids"] == tokenizer(case["text"], add_special_tokens=False)["input_ids"], case["text"]
    specials = {"eos": tokenizer.eos_token_id, "bos": tokenizer.bos_token_id, "pad": tokenizer.pad_token_id}
    write_json(
        "tokenizer/base.json",
        VERSIONS
        | {
            "digest": digest(BASE / "tokenizer.json"),
            "size": len(tokenizer),
            "specials": specials,
            "cases": cases,
            "chats": chats_of(tokenizer),
        },
    )
