/** The report that the demo prints at the end. */

/** The output of `--json`. Losses are means over the target tokens of held-out lines, in nats. */
export interface DemoResult {
  readonly url: string;
  readonly key: string;
  readonly fine_tuned_model: string;
  readonly base_model: string;
  readonly base_loss: number;
  readonly tuned_loss: number;
  readonly trained_tokens: number;
  readonly train_tokens_per_second: number;
  readonly decode_tokens_per_second: number;
  /** Whether this run trained the model; false: an earlier one did, and the losses and the training speed are its own. */
  readonly trained: boolean;
  /** From the start of the process to this report. */
  readonly seconds: number;
  readonly samples: readonly { readonly prompt: string; readonly base: string; readonly tuned: string }[];
}

export function report(result: DemoResult): string {
  const count = (value: number): string => Math.round(value).toLocaleString("en-US");
  const samples = result.samples.flatMap(({ prompt, base, tuned }) => [
    "",
    `  ${prompt}`,
    `    base   ${oneLine(base)}`,
    `    tuned  ${oneLine(tuned)}`,
  ]);
  const lines = [
    "",
    `${result.trained ? "Held-out" : "Trained earlier: held-out"} loss ${result.base_loss.toFixed(3)} → ${result.tuned_loss.toFixed(3)} after ${count(result.trained_tokens)} tokens, ` +
      `at ${count(result.train_tokens_per_second)} tok/s; decoding at ${count(result.decode_tokens_per_second)} tok/s`,
    ...samples,
    "",
    `  URL    ${result.url}/v1`,
    `  Key    ${result.key}`,
    `  Model  ${result.fine_tuned_model}`,
    "",
    curl(result),
    "",
    `Done in ${count(result.seconds)} s.`,
  ];
  return `${lines.join("\n")}\n`;
}

/** A request that can be pasted into a shell. */
export function curl({ url, key, fine_tuned_model, samples }: DemoResult): string {
  const body = JSON.stringify({
    model: fine_tuned_model,
    messages: [{ role: "user", content: samples[0]?.prompt ?? "Hello" }],
  });
  const quoted = `'${body.replaceAll("'", "'\\''")}'`;
  return `  curl ${url}/v1/chat/completions -H "authorization: Bearer ${key}" -H "content-type: application/json" -d ${quoted}`;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}
