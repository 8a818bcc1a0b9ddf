/// <reference types="vite/client" />
import type { Env as WorkerEnv } from "../../../edge/env.ts";

declare global {
  namespace Cloudflare {
    interface Env extends WorkerEnv {}
  }
}
