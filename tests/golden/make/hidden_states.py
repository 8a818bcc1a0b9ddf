"""Every hidden state of the tiny decoders of llama.py that Trimtab has a tap for, in float32.

Writes hidden-states/<variant>.safetensors: for the first row of the shared batch, one tensor [T,width] per tap, under the
tap's name. Reads the folders that llama.py saved.
"""

import torch

from golden_io import GOLDEN, quiet_single_thread, write_safetensors
from tiny_models import batch, variants


def linear_paths(layer):
    attention = [f"self_attn.{name}" for name in ("q_proj", "k_proj", "v_proj", "o_proj")]
    return [f"layers.{layer}.{path}" for path in (*attention, "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")]


def hidden_states(model, ids):
    """Tap name → [T,width], by hooks on the modules; those of `output_hidden_states` are checked against it."""
    found, handles = {}, []
    modules = dict(model.model.named_modules())

    def keep(name, value):
        found[name] = (value[0] if isinstance(value, tuple) else value)[0].clone()

    def on_output(path):
        handles.append(modules[path].register_forward_hook(lambda _m, _x, y, path=path: keep(path, y)))

    def on_input(path):
        hook = lambda _m, x, path=path: keep(f"{path}.input", x)
        handles.append(modules[path].register_forward_pre_hook(hook))

    for layer in range(model.config.num_hidden_layers):
        for path in (f"layers.{layer}.self_attn", f"layers.{layer}.mlp", f"layers.{layer}"):
            on_output(path)
        for path in linear_paths(layer):
            on_input(path)
    with torch.no_grad():
        out = model(input_ids=ids, output_hidden_states=True)
    for handle in handles:
        handle.remove()

    # The last of transformers' hidden states has gone through the final norm; the others are the residual stream.
    embedding, *stream, final = (state[0] for state in out.hidden_states)
    for layer, state in enumerate(stream):
        assert torch.equal(found[f"layers.{layer}"], state)
    return {"embedding": embedding, **found, "final": final}


if __name__ == "__main__":
    quiet_single_thread(0)
    ids, _ = batch()
    for name, (kind, *_) in variants().items():
        folder = GOLDEN / "llama" / name
        model = kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        write_safetensors(f"hidden-states/{name}.safetensors", hidden_states(model, ids[:1]))
