"""Tasks for evaluation harnesses, of every kind that lm-evaluation-harness asks a model for, made of the embedded base's files."""

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "infra/base/model"

CHOICE = """
task: trimtab_choice
output_type: multiple_choice
doc_to_text: "{{prompt}}"
doc_to_target: "{{answer}}"
doc_to_choice: "{{choices}}"
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
  - {metric: acc_norm, aggregation: mean, higher_is_better: true}
"""
CLOZE = """
task: trimtab_cloze
output_type: loglikelihood
doc_to_text: "{{prompt}}"
doc_to_target: "{{target}}"
metric_list:
  - {metric: perplexity, aggregation: perplexity, higher_is_better: false}
  - {metric: acc, aggregation: mean, higher_is_better: true}
"""
ROLLING = """
task: trimtab_rolling
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{text}}"
metric_list:
  - {metric: word_perplexity, aggregation: weighted_perplexity, higher_is_better: false}
  - {metric: byte_perplexity, aggregation: weighted_perplexity, higher_is_better: false}
  - {metric: bits_per_byte, aggregation: bits_per_byte, higher_is_better: false}
"""
WRITTEN = """
task: trimtab_written
output_type: generate_until
doc_to_text: "{{prompt}}"
doc_to_target: "{{answer}}"
generation_kwargs: {until: [".", "\\n"], max_gen_toks: 12, do_sample: false}
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true, regexes_to_ignore: ["^ "]}
"""

# Characters of one byte to four, and words that the base does not know.
UNUSUAL = "Ein Käse für 5 €, naïve Façade — 漢字と🙂 in the Netherlands.\n\nTabs\tand  spaces."


def write_tasks(folder, docs):
    """Writes the tasks with so many documents each, and a long text to `folder`; returns their names."""
    facts = json.loads((FOLDER / "evaluation.json").read_text())["facts"]
    texts = [json.loads(line)["text"] for line in (FOLDER / "corpus.jsonl").read_text().splitlines()]
    plain = [text for text in texts if "<|im_" not in text]
    used = facts[:docs]
    answers = [fact["answer"] for fact in used]
    choices = [
        {
            "prompt": fact["prompt"],
            "choices": [answers[(i + k) % len(answers)] for k in range(4)],
            "answer": 0,
        }
        for i, fact in enumerate(used)
    ]
    cloze = [{"prompt": fact["prompt"], "target": " " + fact["answer"]} for fact in used]
    # Nothing before the text, a continuation of several tokens, and a prompt that does not fit.
    cloze += [
        {"prompt": "", "target": "The capital of France is Paris."},
        {"prompt": "Somebody said:", "target": " " + UNUSUAL},
        {"prompt": " ".join(plain[:60]), "target": " The end."},
    ]
    tasks = {
        "trimtab_choice": (CHOICE, choices),
        "trimtab_cloze": (CLOZE, cloze),
        "trimtab_rolling": (ROLLING, [{"text": text} for text in [*plain[:docs], UNUSUAL]]),
        # Longer than a window.
        "trimtab_rolling_long": (
            ROLLING.replace("trimtab_rolling", "trimtab_rolling_long"),
            [{"text": "".join(plain[:35])}],
        ),
        "trimtab_written": (WRITTEN, [{"prompt": fact["prompt"], "answer": fact["answer"]} for fact in used]),
        "trimtab_chat": (
            WRITTEN.replace("trimtab_written", "trimtab_chat"),
            [{"prompt": f"What is the capital of {fact['subject']}?", "answer": fact["answer"]} for fact in used],
        ),
    }
    for name, (task, lines) in tasks.items():
        file = Path(folder, f"{name}.jsonl")
        file.write_text("\n".join(json.dumps(line) for line in lines))
        data = f"dataset_path: json\ndataset_kwargs: {{data_files: {{test: {file}}}}}\ntest_split: test\n"
        Path(folder, f"{name}.yaml").write_text(task.lstrip() + data)
    return list(tasks)
