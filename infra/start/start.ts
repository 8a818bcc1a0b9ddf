/**
 * `npm start`: the demo from end to end. Starts the stack, adds the embedded base model, trains a LoRA adapter on the bundled
 * dataset over HTTP, compares the base's answers with the tuned model's, and keeps serving until Ctrl-C. Started again, it serves
 * the model that it trained before.
 *
 * `--retrain` trains a new one. `--once` exits after the report. `--json` also prints the result as one line of JSON on standard
 * output; everything else then goes to standard error. HOST, PORT and TRIMTAB_STATE set the address, the port and the state
 * folder.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { messageOf, TrimtabError } from "../../shared/errors.ts";
import { DEMO_PROMPTS } from "../base/demo/sailor.ts";
import { ApiClient } from "./api-client.ts";
import { addBase, BASE_FOLDER, BASE_ID, demoKey } from "./demo-account.ts";
import { findTrained, type JobWatcher, type TrainedModel, trainDemo } from "./demo-job.ts";
import { askAll } from "./demo-samples.ts";
import { endWith } from "./end-with.ts";
import { choosePort } from "./free-port.ts";
import { listenAddress } from "./listen-address.ts";
import { ProgressDisplay } from "./progress.ts";
import { type DemoResult, report } from "./report.ts";
import { type Stack, startStack } from "./stack.ts";
import { DEFAULT_STATE, StateFolder } from "./state-folder.ts";

const DEMO = join(import.meta.dirname, "../base/demo");
const STARTED = performance.now();

const now = (): number => performance.now();

interface Options {
  readonly once: boolean;
  readonly json: boolean;
  readonly retrain: boolean;
}

function readOptions(): Options {
  const off = { type: "boolean", default: false } as const;
  try {
    return parseArgs({ options: { once: off, json: off, retrain: off } }).values;
  } catch (cause) {
    const message = `${messageOf(cause)} The options are --retrain, --once and --json.`;
    throw new TrimtabError("invalid_request", message, { cause });
  }
}

interface Demo {
  readonly stack: Stack;
  readonly state: StateFolder;
  readonly display: ProgressDisplay;
  readonly retrain: boolean;
}

async function runDemo({ stack, state, display, retrain }: Demo): Promise<DemoResult> {
  const { url, secrets } = stack;
  display.message(`Serving at ${url}/v1`);
  const admin = new ApiClient({ url, token: secrets.admin_token });
  await addBase(admin, BASE_ID, BASE_FOLDER);
  const key = await demoKey(admin, url, state);
  const client = new ApiClient({ url, token: key });
  const before = retrain ? undefined : await findTrained(client);
  if (before !== undefined) {
    display.message(
      `Using ${before.model}, which an earlier run trained. \`npm start -- --retrain\` trains a new one.`,
    );
  }
  const trained = before ?? (await train(client, display));
  const base = await askAll(client, BASE_ID, DEMO_PROMPTS, now);
  const tuned = await askAll(client, trained.model, DEMO_PROMPTS, now);
  return {
    url,
    key,
    fine_tuned_model: trained.model,
    base_model: BASE_ID,
    trained: before === undefined,
    base_loss: trained.baseLoss,
    tuned_loss: trained.tunedLoss,
    trained_tokens: trained.trainedTokens,
    train_tokens_per_second: trained.tokensPerSecond,
    decode_tokens_per_second: tuned.tokensPerSecond,
    seconds: (now() - STARTED) / 1000,
    samples: DEMO_PROMPTS.map((prompt, i) => ({ prompt, base: base.texts[i] ?? "", tuned: tuned.texts[i] ?? "" })),
  };
}

async function train(client: ApiClient, display: ProgressDisplay): Promise<TrainedModel> {
  display.message("Training a LoRA adapter on infra/base/demo/sailor.jsonl");
  const files = { training: join(DEMO, "sailor.jsonl"), validation: join(DEMO, "sailor-validation.jsonl") };
  const watcher: JobWatcher = {
    progress: (progress) => display.update(progress),
    message: (line) => display.message(line),
  };
  return await trainDemo(client, { model: BASE_ID, ...files, suffix: "sailor" }, watcher).finally(() => display.end());
}

let stack: Stack | undefined;
const end = endWith(async () => await stack?.stop());
// Keep serving if a reader goes away, as in `npm start | head`.
for (const output of [process.stdout, process.stderr]) output.on("error", () => undefined);

try {
  const options = readOptions();
  const output = options.json ? process.stderr : process.stdout;
  const display = new ProgressDisplay(output, now);
  const address = listenAddress(process.env.HOST);
  const port = await choosePort(process.env.PORT, address.host);
  const state = new StateFolder(process.env.TRIMTAB_STATE || DEFAULT_STATE);
  stack = await startStack({ state, port, address, log: (line) => display.message(line) });
  const result = await runDemo({ stack, state, display, retrain: options.retrain });
  output.write(report(result));
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  if (options.once) end(0);
  else output.write("\nStill serving. Press Ctrl-C to stop.\n");
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  end(1);
}
