/// <reference types="vite/client" />
import type { Env as WorkerEnv } from "../../../edge/env.ts";

declare global {
  namespace Cloudflare {
    interface Env extends WorkerEnv {
      /** The embedded base's `model.safetensors`, bound by vitest.config.ts. */
      readonly BASE_WEIGHTS: ArrayBuffer;
    }
  }
}

declare module "vitest" {
  interface ProvidedContext {
    /** Address of the server of tests/support/hostile-scorer.ts. */
    hostileScorer: string;
  }
}
