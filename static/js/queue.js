// Work on a few things at a time, the others wait in the order in which they came.

export class Queue {
  #waiting = [];
  #free;

  /** `work(thing)` returns a promise that does not reject. */
  constructor(work, atATime = 2) {
    this.work = work;
    this.#free = atATime;
  }

  add(thing) {
    this.#waiting.push(thing);
    this.#next();
  }

  drop(thing) {
    this.#waiting = this.#waiting.filter((one) => one !== thing);
  }

  async #next() {
    if (!this.#free || !this.#waiting.length) return;
    this.#free--;
    await this.work(this.#waiting.shift());
    this.#free++;
    this.#next();
  }
}
