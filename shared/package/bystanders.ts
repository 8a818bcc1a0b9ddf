/** Folders in which tools keep copies and notes. */
const HIDDEN = /^(__MACOSX|\.(git|cache|ipynb_checkpoints))$/;
/** A folder that contains one of these belongs to an adapter, whatever its name. */
const ADAPTER = /^(adapter_|adapters?\.)/;

/** Folders, at any depth, whose files say nothing about an adapter. */
const FOLDERS = [
  /^(runs|wandb|logs?|mlruns|additional_chat_templates)$/,
  // DeepSpeed's state.
  /^global_step\d+$/,
];

/** Files, by their last name, that trainers, tokenizers and operating systems leave beside an adapter. None is ever read. */
const FILES = [
  /^\._/,
  /^(\.DS_Store|Thumbs\.db|desktop\.ini|\.gitattributes|\.gitignore)$/,
  // The tokenizer, which is the base's.
  /^(tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|chat_template|processor_config|preprocessor_config)\.json$/,
  /^(merges|vocab)\.txt$/,
  /^(tokenizer|spiece|sentencepiece\.bpe)\.model$/,
  /^chat_template\.jinja$/,
  // The base's configuration.
  /^(config|generation_config)\.json$/,
  // State of the run that made it.
  /^(optimizer|scheduler|scaler|optimizer_\d+|scheduler_\d+)\.(pt|bin)$/,
  /^(rng_state(_\d+)?\.pth|random_states_\d+\.pkl|training_args\.bin|latest|zero_to_fp32\.py)$/,
  /^(trainer_state|(train|eval|all|predict)_results|all_results|hparams)\.json$/,
  /^(trainer_log|train_log|log_history)\.jsonl?$/,
  /^events\.out\.tfevents\./,
  /^(args|params|train|training|dpo|sft)_?(config|args)?\.ya?ml$/,
  // For people.
  /^(README|LICENSE|LICENCE|NOTICE|CITATION|model_?card)(\.(md|txt|rst|cff))?$/i,
  /\.(png|jpe?g|gif|svg|md|log)$/i,
];

/** Whether a file of an uploaded folder is one that commonly accompanies an adapter and can be left out. */
export function isBystander(path: string): boolean {
  const parts = path.split("/");
  const name = parts.pop() ?? "";
  if (parts.some((part) => HIDDEN.test(part)) || FILES.some((known) => known.test(name))) return true;
  return !ADAPTER.test(name) && parts.some((part) => FOLDERS.some((known) => known.test(part)));
}
