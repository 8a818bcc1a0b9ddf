"""Beam search and diverse beam search over the golden decoder `plain`.

Writes decode/beams.json. A case has its `settings`, the prompt, and the `results`, best first: `tokens`, with the one that ended the
text if one did, and `score` in float64. Plain beams come from transformers; diverse beams, which it no longer has, from the loop below, which finds the
same plain beams. Runs after `llama.py`, in its environment.
"""

import torch
import transformers
from transformers import LlamaForCausalLM

from golden_io import GOLDEN, flat, number, quiet_single_thread, write_json

CLOSE = 1e-4


def prompts():
    draw = torch.Generator().manual_seed(5)
    return [torch.randint(3, 96, (1, length), generator=draw) for length in (5, 9, 3)]


def cases():
    for index, prompt in enumerate(prompts()):
        for beams, length, penalty, early, ends in (
            (1, 8, 1.0, False, []),
            (2, 10, 1.0, False, [7]),
            (4, 12, 1.0, False, [14, 40, 53, 64, 83]),
            (4, 12, 0.0, True, [14, 40, 53, 64, 83]),
            (3, 12, 2.0, "never", [5, 17, 26, 30, 48, 73, 90]),
            (5, 10, -0.5, False, [9, 33, 51, 59, 94]),
        ):
            yield index, prompt, beams, length, penalty, early, ends


def searched(model, prompt, beams, length, penalty, early, ends):
    """Every result that transformers keeps."""
    out = model.generate(
        prompt,
        num_beams=beams,
        num_return_sequences=beams,
        max_new_tokens=length,
        do_sample=False,
        length_penalty=penalty,
        early_stopping=early,
        eos_token_id=ends or None,
        pad_token_id=0,
        output_scores=True,
        return_dict_in_generate=True,
    )
    if beams == 1:
        tokens = out.sequences[0, prompt.shape[1] :].tolist()
        logprobs = [torch.log_softmax(step[0].double(), -1)[token] for step, token in zip(out.scores, tokens)]
        return [(tokens, float(sum(logprobs)) / len(tokens) ** penalty)]
    results = []
    for row, score in zip(out.sequences[:, prompt.shape[1] :].tolist(), out.sequences_scores.tolist()):
        stop = next((i + 1 for i, token in enumerate(row) if token in ends), len(row))
        results.append((row[:stop], score))
    return results


def logprobs(model, texts):
    with torch.no_grad():
        return torch.log_softmax(model(torch.tensor(texts)).logits[:, -1], -1)


def diverse(model, prompt, groups, width, strength, length, penalty, ends):
    """Vijayakumar et al. 2018, algorithm 1, with the Hamming diversity; each group stops when none of its texts could still win."""
    start = prompt[0].tolist()
    live = [[(0.0, [])] for _ in range(groups)]
    done = [[] for _ in range(groups)]
    closed = [False] * groups
    closest = float("inf")
    for step in range(1, length + 1):
        taken = {}
        for g in range(groups):
            if closed[g]:
                continue
            options = []
            rows = logprobs(model, [start + text for _, text in live[g]])
            for (total, text), row in zip(live[g], rows):
                values = row.clone()
                for token, times in taken.items():
                    values[token] -= strength * times
                options += [(total + float(value), text + [token]) for token, value in enumerate(values)]
            options.sort(key=lambda option: -option[0])
            options = options[: max(2, 1 + len(ends)) * width + 1]
            closest = min([closest] + [a[0] - b[0] for a, b in zip(options, options[1:])])
            options.pop()
            over = [step == length or text[-1] in ends for _, text in options]
            done[g] += [(s / step**penalty, t) for (s, t), end in zip(options[:width], over) if end]
            done[g] = sorted(done[g], key=lambda result: -result[0])[:width]
            going = [option for option in options if option[1][-1] not in ends][:width]
            for _, text in going:
                taken[text[-1]] = taken.get(text[-1], 0) + 1
            live[g] = [] if step == length else going
            full = len(done[g]) == width
            closed[g] = not live[g] or (full and live[g][0][0] / step**penalty <= done[g][-1][0])
    results = sorted((result for group in done for result in group), key=lambda result: -result[0])
    return [(text, score) for score, text in results], closest


def rescored(model, prompt, results, penalty):
    """The same texts with their scores in float64: transformers adds up log-probabilities in float32."""
    exact = []
    for tokens, score in results:
        text = prompt[0].tolist() + tokens
        with torch.no_grad():
            rows = torch.log_softmax(model(torch.tensor([text])).logits[0], -1)
        steps = range(len(text) - len(tokens), len(text))
        own = sum(float(rows[at - 1, text[at]]) for at in steps) / len(tokens) ** penalty
        assert abs(own - score) < CLOSE, (own, score)
        exact.append((tokens, own))
    return exact


def packed_case(settings, prompt, results):
    shown = [{"tokens": tokens, "score": number(score, 9)} for tokens, score in results]
    return {"settings": settings, "prompt": flat(prompt[0]), "results": shown}


if __name__ == "__main__":
    quiet_single_thread(0)
    folder = GOLDEN / "llama" / "plain"
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    model.generation_config.eos_token_id = None
    exact = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()
    written = []
    for _, prompt, beams, length, penalty, early, ends in cases():
        settings = {"beams": beams, "maxTokens": length, "lengthPenalty": penalty, "earlyStopping": early, "ends": ends}
        results = searched(model, prompt, beams, length, penalty, early, ends)
        if beams > 1 and early is False:
            own, closest = diverse(exact, prompt, 1, beams, 0.0, length, penalty, ends)
            assert closest > CLOSE / 100, closest
            assert [tokens for tokens, _ in own] == [tokens for tokens, _ in results], (own, results)
        results = rescored(exact, prompt, results, penalty)
        written.append(packed_case(settings | {"groups": 1, "diversity": 0}, prompt, results))
    for prompt in prompts():
        for groups, width, strength, length, penalty, ends in (
            (2, 1, 0.5, 8, 1.0, []),
            (2, 2, 0.8, 10, 1.0, [14, 40, 53, 64, 83]),
            (3, 2, 2.0, 8, 0.5, [5, 17, 22, 30]),
        ):
            results, _ = diverse(exact, prompt, groups, width, strength, length, penalty, ends)
            settings = {"beams": groups * width, "maxTokens": length, "lengthPenalty": penalty, "earlyStopping": False}
            settings |= {"ends": ends, "groups": groups, "diversity": strength}
            written.append(packed_case(settings, prompt, results))
    write_json("decode/beams.json", {"transformers": transformers.__version__, "cases": written})
