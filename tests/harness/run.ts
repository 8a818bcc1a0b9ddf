/**
 * `npm run eval:harness`: lm-evaluation-harness and inspect-ai against a server, compared with lm-evaluation-harness's own backend on
 * the same model (harness.py). Starts the stack in a new state folder unless OPENAI_BASE_URL and OPENAI_API_KEY name a server, which
 * must serve the embedded base under its name. PYTHON is the interpreter that has `requirements.txt`; without the packages it says so
 * and ends with status 0. Further arguments go to harness.py.
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApiClient } from "../../infra/start/api-client.ts";
import { setUp } from "../../infra/start/demo-account.ts";
import { choosePort } from "../../infra/start/free-port.ts";
import { listenAddress } from "../../infra/start/listen-address.ts";
import { startStack } from "../../infra/start/stack.ts";
import { StateFolder } from "../../infra/start/state-folder.ts";
import { HARNESS_SCRIPT, missingPackages } from "./packages.ts";

const python = process.env.PYTHON || "python3";

async function harness(url: string, key: string): Promise<number> {
  const child = spawn(python, [HARNESS_SCRIPT, ...process.argv.slice(2)], {
    stdio: ["ignore", "inherit", process.env.VERBOSE ? "inherit" : "ignore"],
    env: {
      ...process.env,
      OPENAI_BASE_URL: url,
      OPENAI_API_KEY: key,
      HF_HUB_OFFLINE: "1",
      TOKENIZERS_PARALLELISM: "false",
    },
  });
  const { promise, resolve } = Promise.withResolvers<number>();
  child.once("error", () => resolve(1));
  child.once("exit", (status) => resolve(status ?? 1));
  return promise;
}

async function withStack(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "trimtab-harness-"));
  try {
    const address = listenAddress(undefined);
    const port = await choosePort("0", address.host);
    const state = new StateFolder(folder);
    const stack = await startStack({ state, port, address, log: () => {} });
    try {
      const key = await setUp(new ApiClient({ url: stack.url, token: stack.secrets.admin_token }), stack.url, state);
      return await harness(`${stack.url}/v1`, key ?? "");
    } finally {
      await stack.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

const missing = missingPackages(python, spawnSync);
const { OPENAI_BASE_URL: url, OPENAI_API_KEY: key } = process.env;
if (missing.length > 0) {
  console.log(
    `Skipped: ${python} has no ${missing.join(", ")}. Install tests/harness/requirements.txt and set PYTHON to its interpreter.`,
  );
} else process.exitCode = url && key ? await harness(url, key) : await withStack();
