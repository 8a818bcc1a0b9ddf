/** What wrangler.toml binds, and the secrets and variables that come with a deployment. */
export interface Env {
  readonly TENANT: DurableObjectNamespace;
  readonly DISPATCHER: DurableObjectNamespace;
  readonly ENGINE: DurableObjectNamespace;
  readonly BLOBS: R2Bucket;
  /** Bearer token of `/v1/admin` and `/metrics`; without it they refuse everybody. */
  readonly ADMIN_TOKEN?: string;
  /** Bearer token of `/v1/trainer`; without it no trainer can connect. */
  readonly TRAINER_TOKEN?: string;
  /** Origins whose pages may call the API from a browser, separated by commas; `none` for none, and any unless told. */
  readonly CORS_ORIGINS?: string;
  /** Addresses of scorers besides public HTTPS, as `parseScorerAllow` reads them; none unless told. */
  readonly SCORER_ALLOW?: string;
  /** The network that scorers are called through; the Worker's own, which at Cloudflare reaches public addresses only, unless bound. */
  readonly SCORER_NETWORK?: Fetcher;
  /** MiB that the Engine's WASM heap may grow to; 96 unless told, which leaves room for the rest of a 128 MiB isolate. */
  readonly ENGINE_HEAP_MB?: string;
}

const DEFAULT_HEAP_MIB = 96;

/** Bytes that the Engine's WASM heap may grow to, and so what a base model must fit in. */
export function heapLimitBytes(env: Pick<Env, "ENGINE_HEAP_MB">): number {
  const configured = Number(env.ENGINE_HEAP_MB ?? "");
  return (Number.isFinite(configured) && configured > 0 ? configured : DEFAULT_HEAP_MIB) * 1024 * 1024;
}
