/**
 * Evaluation harnesses from PyPI against the stack: they run a task with `steering` in the bodies of their requests, and score as
 * lm-evaluation-harness's own backend does. Each runs where its package is installed for `python3`.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { ApiClient } from "../../infra/start/api-client.ts";
import { addBase, demoKey } from "../../infra/start/demo-account.ts";
import { choosePort } from "../../infra/start/free-port.ts";
import { StateFolder } from "../../infra/start/state-folder.ts";
import { HARNESS_SCRIPT, missingPackages } from "../harness/packages.ts";
import { finish, type Program, ROOT, run, untilHealthy } from "./programs.ts";

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const CLIENTS = [
  ["inspect", "inspect_ai"],
  ["lm-eval", "lm_eval"],
  ["openai", "openai"],
] as const;
const isInstalled = (module: string) =>
  spawnSync("python3", ["-c", `from importlib.util import find_spec; exit(find_spec("${module}") is None)`]).status ===
  0;
const canScore = missingPackages("python3", spawnSync).length === 0;
const installed = new Set(CLIENTS.filter(([, module]) => isInstalled(module)).map(([name]) => name));

describe.runIf(installed.size > 0)("a harness", () => {
  let state: string;
  let serve: Program;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    state = mkdtempSync(join(tmpdir(), "trimtab-harness-"));
    const port = String(await choosePort("0"));
    const url = `http://127.0.0.1:${port}`;
    serve = run("npm", ["run", "serve", "--silent"], { PORT: port, TRIMTAB_STATE: state });
    await untilHealthy(url);
    const folder = new StateFolder(state);
    const admin = new ApiClient({ url, token: folder.secrets().admin_token });
    await addBase(admin, "trimtab-base", join(ROOT, "infra/base/model"));
    env = { OPENAI_BASE_URL: `${url}/v1`, OPENAI_API_KEY: await demoKey(admin, url, folder) };
  });

  afterAll(async () => {
    serve.child.kill("SIGTERM");
    await serve.ended;
    rmSync(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  });

  const runClient = async (name: string) => {
    const { stdout } = await finish("python3", [join(ROOT, "tests/golden/make/harness_tasks.py"), name], env);
    return JSON.parse(stdout);
  };

  test.runIf(installed.has("inspect"))("steers: inspect-ai answers its task", async () => {
    expect(await runClient("inspect")).toMatchObject({ accuracy: 1, texts: [/Paris/, /Rome/].map(matching) });
  });

  test.runIf(installed.has("lm-eval"))("steers: lm-evaluation-harness answers its task", async () => {
    expect(await runClient("lm-eval")).toMatchObject({ accuracy: 1, texts: [/Paris/, /Rome/].map(matching) });
  });

  test.runIf(installed.has("openai"))("steers: openai parses a reply and a stream that are the same", async () => {
    const { texts, traced, steering } = await runClient("openai");
    expect(texts[0]).toMatch(/^\{"city": ?"(Paris|Rome|Lima)"\}$/);
    expect(texts[1]).toBe(texts[0]);
    expect(traced[0]).toBeGreaterThan(5);
    expect(steering).toEqual([
      { guidance: { negative_prompt: "Be rude.", scale: 1.5 }, rules: { banned: ["London"] } },
    ]);
  });

  test.runIf(canScore)(
    "scores: lm-evaluation-harness and inspect-ai find what the model's own folder gives",
    async () => {
      const { stdout } = await finish("python3", [HARNESS_SCRIPT, "--docs", "2"], { ...env, HF_HUB_OFFLINE: "1" });
      expect(stdout).not.toContain("DIFFERS");
      expect(stdout.match(/^(lm-eval|inspect-ai), /gm)).toHaveLength(15);
    },
  );
});

const matching = (pattern: RegExp) => expect.stringMatching(pattern);
