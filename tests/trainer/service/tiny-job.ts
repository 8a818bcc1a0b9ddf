import { setTimeout as delay } from "node:timers/promises";
import type { MethodOf } from "../../../shared/api/methods.ts";
import type { HttpEffects } from "../../../trainer/service/http.ts";
import { settingsOf } from "../../support/peft.ts";
import type { FakeJob } from "./fake-server.ts";

/** Tests retry without pausing. */
export const quickEffects: HttpEffects = {
  fetch,
  sleep: (milliseconds, signal) => delay(milliseconds / 100, undefined, { signal }).catch(() => undefined),
  random: () => 0.5,
  now: Date.now,
};

const tinyMethod: MethodOf<"supervised"> = {
  type: "supervised",
  supervised: {
    hyperparameters: { n_epochs: "auto", batch_size: "auto", learning_rate_multiplier: "auto" },
    peft: settingsOf({ type: "lora" }),
  },
};

/** A job for tests without training. */
export const tinyJob: FakeJob & { readonly method: typeof tinyMethod } = {
  base: { "config.json": new TextEncoder().encode("{}") },
  training: '{"messages":[]}\n',
  method: tinyMethod,
};
