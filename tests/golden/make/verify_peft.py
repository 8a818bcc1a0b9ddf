"""Loads a PEFT folder with peft on a base folder with transformers and compares it, for checks by hand.

    python verify_peft.py BASE ADAPTER --ids 5,17,3 [--ids …] [--expect logits.json] [--tolerance 1e-4] [--full]
    python verify_peft.py BASE ADAPTER --prompt "Hello" [--generate 20]

Fails when peft reports keys that match nothing or are missing, when the adapter changes nothing, when merging changes
the logits (where peft can merge: not learned prompts, nor biases onto a layer without one), or when `--expect` (a JSON
array of logits, one row-major [T,V] per --ids, or {"logits": that}) differs by more than the tolerance. Prints one JSON
object: per row the last position's five best tokens, with --full every logit.
"""

import argparse
import json
import warnings

import torch
from peft import PeftModel, get_peft_model_state_dict
from peft.utils.save_and_load import load_peft_weights
from transformers import AutoModelForCausalLM, AutoTokenizer


def load(base, adapter):
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, attn_implementation="eager").eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        # peft only warns of adapter keys that are missing; here that is a failure.
        warnings.filterwarnings("error", message=".*(missing|unexpected) adapter keys.*")
        return PeftModel.from_pretrained(model, adapter).eval()


def check_keys(model, adapter):
    """Every tensor in the file must name an adapter tensor of the model, and the other way round."""
    have, want = (
        set(load_peft_weights(adapter, device="cpu")),
        set(get_peft_model_state_dict(model, save_embedding_layers=False)),
    )
    problems = [f"unknown key {k}" for k in sorted(have - want)] + [f"missing key {k}" for k in sorted(want - have)]
    if problems:
        raise SystemExit("\n".join(problems))
    return len(have)


def logits_of(model, ids):
    """Logits [T,V] of the text positions, which come last."""
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids])).logits[0, -len(ids) :].float()


def merged_logits(model, rows):
    """The merged model's logits of every row → (logits, why peft cannot merge)."""
    if model.active_peft_config.is_prompt_learning:
        return None, "peft does not merge learned prompts"
    try:
        merged = model.merge_and_unload()
    except RuntimeError as refusal:
        if "base layer has no bias" not in str(refusal):
            raise
        return None, str(refusal)
    return [logits_of(merged, row) for row in rows], None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("adapter")
    parser.add_argument("--ids", action="append", default=[], help="comma-separated token ids of one row")
    parser.add_argument("--prompt", help="text to tokenise with the base's tokenizer instead")
    parser.add_argument("--generate", type=int, default=0, help="greedy tokens to add to each row")
    parser.add_argument("--expect", help="JSON file of the logits that Trimtab computed")
    parser.add_argument("--tolerance", type=float, default=1e-4)
    parser.add_argument("--full", action="store_true", help="print every logit")
    args = parser.parse_args()

    rows = [[int(v) for v in row.split(",")] for row in args.ids]
    tokenizer = None
    if args.prompt is not None:
        tokenizer = AutoTokenizer.from_pretrained(args.base)
        rows.append(tokenizer(args.prompt, add_special_tokens=False)["input_ids"])
    if not rows:
        parser.error("give --ids or --prompt")

    model = load(args.base, args.adapter)
    report = {"adapterTensors": check_keys(model, args.adapter), "rows": []}
    tuned = [logits_of(model, row) for row in rows]
    with model.disable_adapter():
        plain = [logits_of(model, row) for row in rows]
    continued = []
    for row in rows:
        tokens = list(row)
        for _ in range(args.generate):
            tokens.append(int(logits_of(model, tokens)[-1].argmax()))
        continued.append(tokens[len(row) :])
    merged, unmergeable = merged_logits(model, rows)

    failures = []
    for i, row in enumerate(rows):
        best = tuned[i][-1].topk(min(5, tuned[i].shape[-1]))
        entry = {
            "ids": row,
            "best": best.indices.tolist(),
            "bestLogits": [float(f"{v:.9g}") for v in best.values.tolist()],
            "changeFromBase": (tuned[i] - plain[i]).abs().max().item(),
            "mergeError": None if merged is None else (tuned[i] - merged[i]).abs().max().item(),
        }
        if unmergeable:
            entry["unmergeable"] = unmergeable
        if entry["changeFromBase"] == 0:
            failures.append(f"row {i}: the adapter changes nothing")
        if merged is not None and entry["mergeError"] > args.tolerance * max(1.0, tuned[i].abs().max().item()):
            failures.append(f"row {i}: merged and unmerged logits differ by {entry['mergeError']}")
        if args.generate:
            entry["generated"] = continued[i]
            if tokenizer is not None:
                entry["text"] = tokenizer.decode(continued[i])
        if args.full:
            entry["logits"] = [float(f"{v:.9g}") for v in tuned[i].reshape(-1).tolist()]
        report["rows"].append(entry)

    if args.expect:
        with open(args.expect, encoding="utf-8") as file:
            given = json.load(file)
        given = given["logits"] if isinstance(given, dict) else given
        given = given["data"] if isinstance(given, dict) else given
        expected = torch.tensor(given, dtype=torch.float64).reshape(-1)
        actual = torch.cat([t.reshape(-1) for t in tuned]).double()
        if expected.shape != actual.shape:
            raise SystemExit(f"--expect holds {expected.numel()} logits, the model gives {actual.numel()}")
        report["expectError"] = (expected - actual).abs().max().item()
        if report["expectError"] > args.tolerance:
            failures.append(f"logits differ from --expect by {report['expectError']}")

    print(json.dumps(report, separators=(",", ":")))
    if failures:
        raise SystemExit("\n".join(failures))


if __name__ == "__main__":
    main()
