import type { Socket } from "node:net";
import type { FrontLimits } from "./limits.ts";

type ConnectionLimits = Pick<FrontLimits, "connections" | "bodies">;

/**
 * The open connections, and which of them wait for their clients. When there are too many, the one that has waited longest goes:
 * first of those that have sent nothing yet, then of those between two requests, then of those in the middle of a body. Connections
 * that stay silent never keep others out.
 */
export class Connections {
  readonly #most: ConnectionLimits;
  readonly #all = new Set<Socket>();
  readonly #fresh = new Set<Socket>();
  readonly #idle = new Set<Socket>();
  readonly #sending = new Set<Socket>();

  constructor(most: ConnectionLimits) {
    this.#most = most;
  }

  get open(): number {
    return this.#all.size;
  }

  /** Takes a connection in; false if it cannot be, because the server is at work on a request of every other one. */
  add(socket: Socket): boolean {
    if (this.#all.size >= this.#most.connections) {
      const waiting = [this.#fresh, this.#idle, this.#sending].find(({ size }) => size > 0);
      if (waiting === undefined) return false;
      this.#endOldest(waiting);
    }
    this.#all.add(socket);
    this.#fresh.add(socket);
    socket.once("close", () => this.#forget(socket));
    return true;
  }

  /** A request has arrived, or as much of it as the server can take for now. */
  busy(socket: Socket): void {
    this.#fresh.delete(socket);
    this.#idle.delete(socket);
    this.#sending.delete(socket);
  }

  /** A piece of a body has arrived, and the next one is awaited. Of too many, the one that has been silent longest goes. */
  sending(socket: Socket): void {
    this.#sending.delete(socket);
    if (!this.#all.has(socket)) return;
    if (this.#sending.size >= this.#most.bodies) this.#endOldest(this.#sending);
    this.#sending.add(socket);
  }

  /** All requests so far are answered. */
  idle(socket: Socket): void {
    this.busy(socket);
    if (this.#all.has(socket)) this.#idle.add(socket);
  }

  #endOldest(waiting: ReadonlySet<Socket>): void {
    for (const socket of waiting) {
      this.#forget(socket);
      return void socket.destroy();
    }
  }

  #forget(socket: Socket): void {
    this.busy(socket);
    this.#all.delete(socket);
  }
}
