// What changes with every letter is written down when typing pauses.

const PAUSE = 500; // milliseconds

export class Later {
  #waiting = new Set();
  #timer;

  /** `write(thing)` returns a promise that does not reject. */
  constructor(write) {
    this.write = write;
    // Phones end a page that is hidden without another word.
    addEventListener("pagehide", () => this.now());
    document.addEventListener("visibilitychange", () => this.now());
  }

  add(thing) {
    this.#waiting.add(thing);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.now(), PAUSE);
  }

  /** Writes what waits, if anything does. */
  async now() {
    const things = [...this.#waiting];
    this.#waiting.clear();
    await Promise.all(things.map(this.write));
  }
}
