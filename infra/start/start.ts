/**
 * `npm start`: the demo from end to end. Starts the stack, adds the embedded base model, trains a LoRA adapter on the bundled
 * dataset over HTTP, compares the base's answers with the tuned model's, and keeps serving until Ctrl-C.
 *
 * `--once` exits after the report. `--json` also prints the result as one line of JSON on standard output; everything else then
 * goes to standard error. PORT and TRIMTAB_STATE set the port and the state folder.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { messageOf, TrimtabError } from "../../shared/errors.ts";
import { DEMO_PROMPTS } from "../base/demo/sailor.ts";
import { ApiClient } from "./api-client.ts";
import { addBase, demoKey } from "./demo-account.ts";
import { trainDemo } from "./demo-job.ts";
import { askAll } from "./demo-samples.ts";
import { endWith } from "./end-with.ts";
import { choosePort } from "./free-port.ts";
import { ProgressDisplay } from "./progress.ts";
import { type DemoResult, report } from "./report.ts";
import { type Stack, startStack } from "./stack.ts";
import { DEFAULT_STATE, StateFolder } from "./state-folder.ts";

const BASE_ID = "trimtab-base";
const BASE = join(import.meta.dirname, "../base");
const STARTED = performance.now();

const now = (): number => performance.now();

interface Options {
  readonly once: boolean;
  readonly json: boolean;
}

function readOptions(): Options {
  try {
    const { values } = parseArgs({ options: { once: { type: "boolean" }, json: { type: "boolean" } } });
    return { once: values.once === true, json: values.json === true };
  } catch (cause) {
    throw new TrimtabError("invalid_request", `${messageOf(cause)} The options are --once and --json.`, { cause });
  }
}

async function runDemo(stack: Stack, state: StateFolder, display: ProgressDisplay): Promise<DemoResult> {
  const { url, secrets } = stack;
  display.message(`Serving at ${url}/v1`);
  const admin = new ApiClient({ url, token: secrets.admin_token });
  await addBase(admin, BASE_ID, join(BASE, "model"));
  const key = await demoKey(admin, url, state);
  const client = new ApiClient({ url, token: key });
  display.message("Training a LoRA adapter on infra/base/demo/sailor.jsonl");
  const trained = await trainDemo(
    client,
    {
      model: BASE_ID,
      training: join(BASE, "demo/sailor.jsonl"),
      validation: join(BASE, "demo/sailor-validation.jsonl"),
      suffix: "sailor",
    },
    { progress: (progress) => display.update(progress), message: (line) => display.message(line) },
  ).finally(() => display.end());
  const base = await askAll(client, BASE_ID, DEMO_PROMPTS, now);
  const tuned = await askAll(client, trained.model, DEMO_PROMPTS, now);
  return {
    url,
    key,
    fine_tuned_model: trained.model,
    base_model: BASE_ID,
    base_loss: trained.baseLoss,
    tuned_loss: trained.tunedLoss,
    trained_tokens: trained.trainedTokens,
    train_tokens_per_second: trained.tokensPerSecond,
    decode_tokens_per_second: tuned.tokensPerSecond,
    seconds: (now() - STARTED) / 1000,
    samples: DEMO_PROMPTS.map((prompt, i) => ({ prompt, base: base.texts[i] ?? "", tuned: tuned.texts[i] ?? "" })),
  };
}

let stack: Stack | undefined;
const end = endWith(async () => await stack?.stop());
// Keep serving if a reader goes away, as in `npm start | head`.
for (const output of [process.stdout, process.stderr]) output.on("error", () => undefined);

try {
  const options = readOptions();
  const output = options.json ? process.stderr : process.stdout;
  const display = new ProgressDisplay(output, now);
  const state = new StateFolder(process.env.TRIMTAB_STATE || DEFAULT_STATE);
  const port = await choosePort(process.env.PORT);
  stack = await startStack({ state, port, log: (line) => display.message(line) });
  const result = await runDemo(stack, state, display);
  output.write(report(result));
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  if (options.once) end(0);
  else output.write("\nStill serving. Press Ctrl-C to stop.\n");
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  end(1);
}
