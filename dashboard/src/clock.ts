// src/clock.ts - what time it is at the service. A phone's own clock may be an hour off, and then
// every age on the page would be; times are therefore compared by the service's clock.

export class Clock {
  #ahead_ms = 0;
  #own: () => number;

  constructor(own: () => number = Date.now) {
    this.#own = own;
  }

  /** The service has said what time it is. */
  heard(time: string | undefined): void {
    const ahead_ms = Date.parse(time ?? "") - this.#own();
    if (Number.isFinite(ahead_ms)) {
      this.#ahead_ms = ahead_ms;
    }
  }

  now(): number {
    return this.#own() + this.#ahead_ms;
  }
}
