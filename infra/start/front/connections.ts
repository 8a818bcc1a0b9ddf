import type { Socket } from "node:net";

/**
 * The open connections, and which of them wait for a request. When there are too many, the one that has waited longest goes: first
 * of those that have sent nothing yet, then of those between two requests. Connections that stay silent never keep others out.
 */
export class Connections {
  readonly #most: number;
  readonly #all = new Set<Socket>();
  readonly #fresh = new Set<Socket>();
  readonly #idle = new Set<Socket>();

  constructor(most: number) {
    this.#most = most;
  }

  get open(): number {
    return this.#all.size;
  }

  /** Takes a connection in; false if it cannot be, because every other one has a request under way. */
  add(socket: Socket): boolean {
    if (this.#all.size >= this.#most) {
      const [oldest] = this.#fresh.size > 0 ? this.#fresh : this.#idle;
      if (oldest === undefined) return false;
      this.#forget(oldest);
      oldest.destroy();
    }
    this.#all.add(socket);
    this.#fresh.add(socket);
    socket.once("close", () => this.#forget(socket));
    return true;
  }

  /** A request's headers have arrived. */
  busy(socket: Socket): void {
    this.#fresh.delete(socket);
    this.#idle.delete(socket);
  }

  /** All requests so far are answered. */
  idle(socket: Socket): void {
    if (this.#all.has(socket)) this.#idle.add(socket);
  }

  #forget(socket: Socket): void {
    this.#all.delete(socket);
    this.#fresh.delete(socket);
    this.#idle.delete(socket);
  }
}
