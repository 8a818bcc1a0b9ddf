"""What the PEFT goldens share: bases, adapters moved far from their start, folders as peft saves them, and one record.

`record` writes peft/<case>/: the PEFT folder, golden.json and grads.safetensors. golden.json holds {peft, torch, base,
inputIds, labels, trainedTokens, trainableParameters, loss, logits} and, in one case of each method that peft can merge,
mergedLogits (in the others merging is checked and not recorded); the gradients are those of `loss` in eval mode, of
every trainable tensor, under the keys of adapter_model.safetensors.
"""

import json
import shutil
import warnings

import peft
import torch
from peft import PeftConfig, PeftModel, get_peft_model
from peft.mapping import PEFT_TYPE_TO_TUNER_MAPPING
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from golden_io import GOLDEN, number, packed, quiet_single_thread, write_json, write_safetensors
from tiny_models import short_batch, trained_tokens

OUT = "peft"
# The least that an adapter must change some logit by; less and a reader that ignores it would pass.
LEAST_CHANGE = 0.05


def base_model(base="llama/plain"):
    """A tiny base in float32; its name in saved folders tells nothing of this machine."""
    model = AutoModelForCausalLM.from_pretrained(GOLDEN / base, dtype=torch.float32, attn_implementation="eager")
    model.config.name_or_path = model.name_or_path = "tiny-" + base.replace("/", "-")
    return model


def far(name, parameter):
    """Draws a trainable tensor far from its start: scales off 1, magnitudes off the norms, the rest off 0."""
    if "lora_magnitude_vector" in name:
        parameter.mul_(torch.empty_like(parameter).uniform_(0.5, 1.5))
    elif "ia3_l" in name:
        parameter.normal_(1.0, 0.4)
    elif parameter.dim() == 1:
        parameter.add_(torch.empty_like(parameter).normal_(0.0, 0.5))
    else:
        parameter.normal_(0.0, 0.3)


def trainable(model):
    return {n: p for n, p in model.named_parameters() if p.requires_grad}


def with_adapter(config, seed, base="llama/plain", move=far):
    """`base` under a new adapter, every trainable tensor of it passed through `move`."""
    quiet_single_thread(seed)
    model = get_peft_model(base_model(base), config)
    with torch.no_grad():
        for name, parameter in trainable(model).items():
            move(name, parameter)
    return model


def tidy(folder):
    """Removes the card and sorts what peft keeps in sets, so that a rerun writes the same bytes."""
    (folder / "README.md").unlink(missing_ok=True)
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    for key in ("target_modules", "feedforward_modules", "exclude_modules", "modules_to_save"):
        if isinstance(config.get(key), list):
            config[key].sort()
    path.write_text(json.dumps(config, indent=2, sort_keys=True))
    for file in folder.iterdir():
        file.chmod(0o644)


def save(model, folder, **options):
    """Saves the adapter to GOLDEN/`folder` as peft does, tidied → the folder."""
    folder = GOLDEN / folder
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder, **({"save_embedding_layers": False} | options))
    tidy(folder)
    return folder


def load(folder, base="llama/plain"):
    """`base` under the adapter in `folder`, in eval mode; keys that are missing or match nothing are failures."""
    # peft refuses to load a learned prompt as trainable, but its tensor can be made so.
    prompt = PeftConfig.from_pretrained(folder).is_prompt_learning
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*(missing|unexpected) adapter keys.*")
        model = PeftModel.from_pretrained(base_model(base), folder, is_trainable=not prompt).eval()
    if prompt:
        model.prompt_encoder.requires_grad_(True)
    return model


def logits_of(model, ids):
    """Logits [B,T,V] of the text positions, which follow those of virtual tokens where there are any."""
    with torch.no_grad():
        return model.eval()(input_ids=ids).logits[:, -ids.shape[1] :]


def file_key(model, name):
    """The key in adapter_model.safetensors of the parameter `name`."""
    if name == "prompt_encoder.default.embedding.weight":
        return "prompt_embeddings"
    tuner = PEFT_TYPE_TO_TUNER_MAPPING[model.peft_config["default"].peft_type]
    key = tuner._remove_adapter_name_from_key(name, "default")
    # The magnitude is a module to peft and a bare tensor in the file.
    return key.removesuffix(".weight") if key.endswith("lora_magnitude_vector.weight") else key


def gradients(model, ids, labels):
    """One backward pass in eval mode → (loss, {parameter name: gradient})."""
    model.eval().zero_grad()
    loss = model(input_ids=ids, labels=labels).loss
    loss.backward()
    return loss.item(), {n: p.grad.clone() for n, p in trainable(model).items()}


def assert_changed(logits, base, ids):
    change = (logits - logits_of(base_model(base), ids)).abs().max().item()
    assert change > LEAST_CHANGE, f"the adapter changes no logit by more than {change}"


def header(base, ids, labels):
    return {
        "peft": peft.__version__,
        "torch": torch.__version__,
        "base": base,
        "inputIds": packed(ids),
        "labels": packed(labels),
        "trainedTokens": trained_tokens(labels),
    }


def record(
    case,
    config,
    seed,
    base="llama/plain",
    *,
    move=far,
    merged="checked",
    finish=None,
    prepare=None,
    extra=None,
    **saving,
):
    """One case: saves a moved adapter, loads it back and records what it computes → the folder.

    `merged` is "recorded", "checked" or "refused". `finish` sees the model before it is saved, `prepare` the loaded one
    before it is run, and `extra` maps that to more fields.
    """
    trained = with_adapter(config, seed, base, move)
    if finish:
        finish(trained)
    folder = save(trained, f"{OUT}/{case}", **saving)
    ids, labels = short_batch()
    model = load(folder, base)
    if prepare:
        prepare(model)
    logits = logits_of(model, ids)
    assert_changed(logits, base, ids)
    loss, named = gradients(model, ids, labels)
    grads = {file_key(model, n): g for n, g in named.items()}
    stored = load_file(folder / "adapter_model.safetensors")
    # Beside an adapter of the embedding or the head, peft saves a copy of the base's own weight.
    stored = {k for k in stored if not k.endswith(".base_layer.weight")}
    assert grads.keys() == stored, grads.keys() ^ stored
    assert all(g.abs().max() > 0 for g in grads.values() if g.numel())
    write_safetensors(f"{OUT}/{case}/grads.safetensors", grads)
    # A learned prompt is counted as it was trained, maybe through an encoder that its folder leaves out.
    counted = trained if trained.active_peft_config.is_prompt_learning else model
    fields = {
        "trainableParameters": counted.get_nb_trainable_parameters()[0],
        "loss": number(loss, 9),
        "logits": packed(logits, 9),
    }
    if extra:
        fields |= extra(model)
    if merged != "refused":
        merged_logits = logits_of(load(folder, base).merge_and_unload(), ids)
        torch.testing.assert_close(merged_logits, logits, rtol=1e-4, atol=1e-4)
    if merged == "recorded":
        fields["mergedLogits"] = packed(merged_logits, 9)
    write_json(f"{OUT}/{case}/golden.json", header(base, ids, labels) | fields)
    return folder
