"""peft's prefix tuning: folders with logits and gradients.

Writes peft/prefix/ (flat, four virtual tokens, grouped-query heads), peft/prefix-qwen2/, peft/prefix-tied/ (a head
width that is not the model's over its heads) and peft/prefix-projection/ (trained through the MLP). The last also has
encoder.safetensors, the parameters that were trained, and encoder-grads.safetensors, their gradients; its folder holds
what the MLP made of them, and grads.safetensors the gradient of that.

    prompt_embeddings [n, 2·L·H·D] read as [n, 2·L, H, D]: layer l has its keys at 2l and its values at 2l+1 (H
    key/value heads of width D). They stand in the cache as they are: no bias, no norm, no rotation. Text is at
    positions n … n+T−1 and sees every virtual token; no logits and no labels belong to these.
    projection: prompt_embeddings = W₂ tanh(W₁ E + b₁) + b₂, E [n, H·D], W₁ [hidden, H·D], W₂ [2·L·H·D, hidden]
"""

import torch
from peft import PrefixTuningConfig
from safetensors.torch import load_file
from transformers.cache_utils import DynamicCache

from golden_io import number, write_safetensors
from peft_cases import OUT, base_model, gradients, logits_of, record, short_batch, with_adapter


def cache_of(prompt, config, batch_size):
    """The cache that the layout above describes."""
    heads, layers = config.num_key_value_heads, config.num_hidden_layers
    parts = prompt.reshape(prompt.shape[0], layers, 2, heads, -1)
    cache = DynamicCache(config=config)
    for layer in range(layers):
        key, value = (parts[:, layer, kind].transpose(0, 1).expand(batch_size, -1, -1, -1) for kind in (0, 1))
        cache.update(key, value, layer)
    return cache


def check_layout(model, base):
    """More fields, after checking layout, positions and loss against the bare base."""
    ids, labels = short_batch()
    prompt = model.prompt_encoder["default"].embedding.weight.detach()
    count, bare = prompt.shape[0], base_model(base)
    positions = torch.arange(count, count + ids.shape[1]).expand(2, -1)
    with torch.no_grad():
        whole = bare(input_ids=ids, position_ids=positions, past_key_values=cache_of(prompt, bare.config, 2)).logits
        loss = torch.nn.functional.cross_entropy(whole[:, :-1].reshape(-1, whole.shape[-1]), labels[:, 1:].flatten())
        torch.testing.assert_close(model(input_ids=ids, labels=labels).loss, loss, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(logits_of(model, ids), whole, rtol=1e-5, atol=1e-5)
    return {
        "virtualTokens": count,
        "baseLoss": number(bare(input_ids=ids, labels=labels).loss.item(), 9),
    }


def case(name, seed, base="llama/plain", **options):
    config = PrefixTuningConfig(num_virtual_tokens=4, task_type="CAUSAL_LM", **options)
    return record(name, config, seed, base, move=move, merged="refused", extra=lambda model: check_layout(model, base))


def move(_, parameter):
    parameter.normal_(0.0, 0.5)


def encoder(folder, seed, **options):
    """The trained parameters behind `folder` and their gradients, by the same draw as the folder's."""
    config = PrefixTuningConfig(num_virtual_tokens=4, task_type="CAUSAL_LM", **options)
    model = with_adapter(config, seed, move=move)
    prompt = model.get_prompt_embedding_to_save("default")
    assert torch.equal(prompt, load_file(folder / "adapter_model.safetensors")["prompt_embeddings"])
    _, grads = gradients(model, *short_batch())
    prefix = "prompt_encoder.default."
    weights = {n.removeprefix(prefix): p.detach() for n, p in model.named_parameters() if n.startswith(prefix)}
    made = torch.tanh(weights["embedding.weight"] @ weights["transform.0.weight"].T + weights["transform.0.bias"])
    torch.testing.assert_close(made @ weights["transform.2.weight"].T + weights["transform.2.bias"], prompt)
    write_safetensors(f"{OUT}/{folder.name}/encoder.safetensors", weights)
    grads = {n.removeprefix(prefix): g for n, g in grads.items()}
    assert grads.keys() == weights.keys()
    write_safetensors(f"{OUT}/{folder.name}/encoder-grads.safetensors", grads)


if __name__ == "__main__":
    case("prefix", 71)
    case("prefix-qwen2", 72, "llama/qwen2")
    case("prefix-tied", 73, "llama/tied-sharded-bf16")
    projection = {"prefix_projection": True, "encoder_hidden_size": 12}
    encoder(case("prefix-projection", 74, **projection), 74, **projection)
