"""Loads a bottleneck folder with AdapterHub's adapters on a base folder and compares it, for checks by hand.

    python verify_adapters.py BASE ADAPTER --ids 5,17,3 [--ids …] [--expect logits.json] [--tolerance 1e-4]

Fails when a tensor is missing or left over, when the adapter changes nothing, or when `--expect` (a JSON array of
logits, one row-major [T,V] per --ids) differs by more than the tolerance. Prints one JSON object: per row the last
position's five best tokens. Runs in the environment of `bottleneck.py`.
"""

import argparse
import json
from pathlib import Path

import adapters
import torch
from adapters import AdapterModelInterface
from transformers import AutoConfig, AutoModelForCausalLM

# Where the parts of a decoder are that `adapters` has no class of its own for; its blocks have their norms before them.
DECODER = AdapterModelInterface(
    adapter_methods=["bottleneck"],
    model_embeddings="embed_tokens",
    model_layers="layers",
    layer_self_attn="self_attn",
    layer_cross_attn=None,
    attn_o_proj="o_proj",
    attn_k_proj="k_proj",
    attn_q_proj="q_proj",
    attn_v_proj="v_proj",
    layer_intermediate_proj="mlp.up_proj",
    layer_output_proj="mlp.down_proj",
    layer_pre_self_attn="input_layernorm",
    layer_pre_ffn="post_attention_layernorm",
)


def load(base):
    """The base, which transformers 4 reads the rotary settings of from other fields than transformers 5 writes."""
    fields = json.loads((Path(base) / "config.json").read_text())
    rope = fields.pop("rope_parameters", None) or {}
    if "rope_theta" in rope:
        fields["rope_theta"] = rope.pop("rope_theta")
    if rope.get("rope_type", "default") != "default":
        fields["rope_scaling"] = rope
    config = AutoConfig.for_model(**fields)
    return AutoModelForCausalLM.from_pretrained(base, config=config, dtype=torch.float32, attn_implementation="eager")


def logits_of(model, ids):
    with torch.no_grad():
        return model.eval()(torch.tensor([ids])).logits[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("adapter")
    parser.add_argument("--ids", action="append", required=True, help="comma-separated token ids of one row")
    parser.add_argument("--expect", help="JSON file of the logits that Trimtab computed")
    parser.add_argument("--tolerance", type=float, default=1e-4)
    args = parser.parse_args()
    rows = [[int(v) for v in row.split(",")] for row in args.ids]

    model = load(args.base)
    plain = [logits_of(model, row) for row in rows]
    native = model.config.model_type in ("llama", "mistral")
    adapters.init(model, interface=None if native else DECODER)
    info = {}
    model.load_adapter(args.adapter, set_active=True, use_safetensors=True, loading_info=info)
    if any(info.values()):
        raise SystemExit(f"keys that do not match: {info}")
    tuned = [logits_of(model, row) for row in rows]

    change = max((a - b).abs().max().item() for a, b in zip(tuned, plain))
    best = [row[-1].topk(min(5, row.shape[-1])) for row in tuned]
    report = {
        "changeFromBase": change,
        "rows": [{"best": b.indices.tolist(), "bestLogits": [float(f"{v:.9g}") for v in b.values]} for b in best],
    }
    if args.expect:
        expected = torch.tensor(json.loads(Path(args.expect).read_text())).reshape(-1)
        report["expectError"] = (torch.cat([row.reshape(-1) for row in tuned]) - expected).abs().max().item()
    print(json.dumps(report, separators=(",", ":")))
    if change == 0:
        raise SystemExit("the adapter changes nothing")
    if report.get("expectError", 0) > args.tolerance:
        raise SystemExit("the logits differ from --expect")


if __name__ == "__main__":
    main()
