import * as tf from "@tensorflow/tfjs-core";
import { messageOf, TrimtabError } from "../../shared/errors.ts";

/** The tfjs backends that can run graphs: TensorFlow's native kernels, and two that need nothing installed. */
export const TFJS_BACKENDS = ["tensorflow", "wasm", "cpu"] as const;
export type TfjsBackend = (typeof TFJS_BACKENDS)[number];

export interface LoadedBackend {
  readonly backend: TfjsBackend;
  /** If this is not the native backend: the reason, and what to do about it. */
  readonly notice?: string;
}

const NATIVE_PACKAGE = "@tensorflow/tfjs-node-gpu";
const ADVICE = `install it with \`npm run install:gpu\`, which also needs CUDA libraries for a GPU`;

/** Importing a backend's package registers it. TensorFlow's package is optional, so its types may be missing. */
export const IMPORTS: Readonly<Record<TfjsBackend, () => Promise<unknown>>> = {
  tensorflow: () => import(NATIVE_PACKAGE as string),
  wasm: () => import("@tensorflow/tfjs-backend-wasm"),
  cpu: () => import("@tensorflow/tfjs-backend-cpu"),
};

/**
 * Loads the requested backend, or else the first of `TFJS_BACKENDS` that is available.
 * Throws `executor_missing`, saying how to install it, or `invalid_request` for an unknown name.
 */
export async function loadTfjsBackend(demanded: string | undefined, imports = IMPORTS): Promise<LoadedBackend> {
  if (demanded !== undefined && !isBackend(demanded)) {
    throw new TrimtabError(
      "invalid_request",
      `there is no tfjs backend ${demanded}; it may be ${TFJS_BACKENDS.join(", ")}`,
      { param: "TRIMTAB_TFJS_BACKEND" },
    );
  }
  // Otherwise tfjs prints a banner that recommends its own package, and checks every argument twice.
  tf.enableProdMode();
  const failures: string[] = [];
  for (const backend of demanded === undefined ? TFJS_BACKENDS : [demanded]) {
    try {
      await exclusive(() => start(backend, imports[backend]));
    } catch (error) {
      failures.push(reasonOf(error));
      continue;
    }
    if (backend === "tensorflow" || demanded !== undefined) return { backend };
    return { backend, notice: `TensorFlow's own kernels are not available (${failures[0]}); ${ADVICE}` };
  }
  throw new TrimtabError(
    "executor_missing",
    `the TensorFlow executor cannot start: ${failures.join("; ")}. For TensorFlow's own kernels, ${ADVICE}`,
    { data: { demanded: demanded ?? "any" } },
  );
}

/** Runs `work`, which must be synchronous, with `backend` as tfjs-core's active backend. The backend must be loaded. */
export function onBackend<T>(backend: TfjsBackend, work: () => T): Promise<T> {
  return exclusive(() => {
    // Takes effect immediately: setBackend waits only for a backend that has not started.
    void tf.setBackend(backend);
    return work();
  });
}

/** tfjs has one active backend per process, and none can be used while one starts, so work is serialised. */
let turn: Promise<unknown> = Promise.resolve();

function exclusive<T>(work: () => T | Promise<T>): Promise<T> {
  const result = turn.then(work);
  turn = result.catch(() => undefined);
  return result;
}

async function start(backend: TfjsBackend, importPackage: () => Promise<unknown>): Promise<void> {
  const crashHandlers = ["uncaughtException", "unhandledRejection"] as const;
  const kept = new Map(crashHandlers.map((event) => [event, process.rawListeners(event)]));
  await importPackage();
  if (!(await tf.setBackend(backend))) throw new Error(`tfjs could not start its ${backend} backend`);
  // The WASM backend's glue code would exit the process on unrelated errors.
  for (const event of crashHandlers) {
    for (const listener of process.rawListeners(event)) {
      if (!kept.get(event)!.includes(listener)) process.removeListener(event, listener as () => void);
    }
  }
}

function isBackend(name: string): name is TfjsBackend {
  return (TFJS_BACKENDS as readonly string[]).includes(name);
}

/** The message without the stack and without the path of the importing file. */
function reasonOf(error: unknown): string {
  return messageOf(error)
    .split("\n", 1)[0]!
    .replace(/ imported from .*/, "");
}
