import * as tf from "@tensorflow/tfjs-core";
import { messageOf, TrimtabError } from "../../shared/errors.ts";

/** The tfjs backends that can run graphs: TensorFlow's own kernels, and tfjs' two that need nothing installed. */
export const TFJS_BACKENDS = ["tensorflow", "wasm", "cpu"] as const;
export type TfjsBackend = (typeof TFJS_BACKENDS)[number];

export interface LoadedBackend {
  readonly backend: TfjsBackend;
  /** Why it is not TensorFlow's own, and what to do about it. */
  readonly notice?: string;
}

const NATIVE_PACKAGE = "@tensorflow/tfjs-node-gpu";
const ADVICE = `install it with \`npm install ${NATIVE_PACKAGE}\`, which also needs CUDA libraries for a GPU`;

/** Importing a backend's package registers the backend; TensorFlow's is optional, so no type can be counted on. */
export const IMPORTS: Readonly<Record<TfjsBackend, () => Promise<unknown>>> = {
  tensorflow: () => import(NATIVE_PACKAGE as string),
  wasm: () => import("@tensorflow/tfjs-backend-wasm"),
  cpu: () => import("@tensorflow/tfjs-backend-cpu"),
};

/**
 * Loads the demanded backend, or the first that can be had in the order of `TFJS_BACKENDS`.
 * Throws `executor_missing`, saying how to install it, and `invalid_request` for a name that is no backend.
 */
export async function loadTfjsBackend(demanded: string | undefined, imports = IMPORTS): Promise<LoadedBackend> {
  if (demanded !== undefined && !isBackend(demanded)) {
    throw new TrimtabError(
      "invalid_request",
      `there is no tfjs backend ${demanded}; it may be ${TFJS_BACKENDS.join(", ")}`,
      { param: "TRIMTAB_TFJS_BACKEND" },
    );
  }
  // Else tfjs prints a banner that recommends its own package, and checks every argument twice.
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

/** Does `work`, which must not wait for anything, while tfjs-core's functions run on `backend`, which must be loaded. */
export function onBackend<T>(backend: TfjsBackend, work: () => T): Promise<T> {
  return exclusive(() => {
    // It takes effect at once: setting a backend only waits for one that is yet to start.
    void tf.setBackend(backend);
    return work();
  });
}

/** tfjs has one active backend for the whole process, and while one starts none can be used: work takes turns. */
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
  // The WASM backend's glue would end the process for errors that are none of its own.
  for (const event of crashHandlers) {
    for (const listener of process.rawListeners(event)) {
      if (!kept.get(event)!.includes(listener)) process.removeListener(event, listener as () => void);
    }
  }
}

function isBackend(name: string): name is TfjsBackend {
  return (TFJS_BACKENDS as readonly string[]).includes(name);
}

/** Without the stack, and without the path of the file that asked. */
function reasonOf(error: unknown): string {
  return messageOf(error)
    .split("\n", 1)[0]!
    .replace(/ imported from .*/, "");
}
