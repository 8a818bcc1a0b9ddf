"""Tiny decoders saved by transformers itself, with their logits, loss and greedy continuation in float32.

Writes llama/<variant>/ as Hugging Face folders plus golden.json, llama/plain/config-v4.json (the same configuration as
transformers 4 wrote it) and llama/rope-frequencies.json (inverse frequencies of the scaled RoPE kinds).
"""

import json
import shutil

import torch
import transformers
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from golden_io import GOLDEN, flat, packed, quiet_single_thread, write_json
from tiny_models import batch, greedy, randomise, trained_tokens, variants

# Chosen so that no greedy choice is a near tie, which float32 in another order could turn.
SEEDS = {"plain": 123, "tied-sharded-bf16": 108, "qwen2": 102}


def write_v4_config(folder):
    """Files on the Hub mostly still carry `rope_theta`, `rope_scaling` and `torch_dtype` at the top level."""
    config = json.loads((folder / "config.json").read_text())
    config["rope_theta"] = config.pop("rope_parameters")["rope_theta"]
    config["rope_scaling"] = None
    config["torch_dtype"] = config.pop("dtype")
    config["transformers_version"] = "4.57.1"
    text = json.dumps(dict(sorted(config.items())), indent=2) + "\n"
    (folder / "config-v4.json").write_text(text)
    reread = LlamaConfig.from_dict(json.loads(text)).rope_parameters
    assert reread == LlamaConfig.from_pretrained(folder).rope_parameters, reread


def rope_frequencies():
    """Inverse frequencies [head_dim/2] as transformers computes them (float32) for each RoPE kind."""
    llama3 = {
        "rope_type": "llama3",
        "rope_theta": 500000.0,
        "factor": 32.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }
    kinds = [
        ({"rope_type": "default", "rope_theta": 10000.0}, 32),
        ({"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}, 32),
        (llama3, 64),
    ]
    cases = []
    for parameters, head_dim in kinds:
        config = LlamaConfig(
            hidden_size=4 * head_dim, num_attention_heads=4, rope_parameters=parameters, max_position_embeddings=131072
        )
        embedding = LlamaRotaryEmbedding(config)
        case = {"ropeParameters": parameters, "headDim": head_dim}
        cases.append(case | {"inverseFrequencies": flat(embedding.inv_freq, 9), "scale": embedding.attention_scaling})
    write_json("llama/rope-frequencies.json", {"transformers": transformers.__version__, "cases": cases})


if __name__ == "__main__":
    for name, (kind, config, dtype, shard) in variants().items():
        quiet_single_thread(SEEDS[name])
        folder = GOLDEN / "llama" / name
        shutil.rmtree(folder, ignore_errors=True)
        model = kind(config)
        randomise(model)
        model.to(dtype).save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
        (folder / "generation_config.json").unlink(missing_ok=True)
        for file in folder.iterdir():
            file.chmod(0o644)

        model = kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        ids, labels = batch()
        with torch.no_grad():
            out = model(input_ids=ids, labels=labels)
        continuation, lead = greedy(model, ids, 8)
        generated = model.generate(ids, max_new_tokens=8, do_sample=False, pad_token_id=0)[:, ids.shape[1] :]
        assert torch.equal(continuation, generated)
        assert lead > 0.05, f"{name}: a greedy choice leads by only {lead}; take another seed"
        write_json(
            f"llama/{name}/golden.json",
            {
                "transformers": transformers.__version__,
                "inputIds": packed(ids),
                "labels": packed(labels),
                "trainedTokens": trained_tokens(labels),
                "logits": packed(out.logits, 9),
                "loss": float(f"{out.loss.item():.9g}"),
                "greedy": packed(continuation),
                "smallestLead": float(f"{lead:.6g}"),
            },
        )
    write_v4_config(GOLDEN / "llama" / "plain")
    rope_frequencies()
