// Work on a few things at a time, the others wait in the order in which they came. Where one cannot be
// done for now, as the server is away or busy, all wait together, and then one alone tries for all.

const MOST_FAILURES = 8; // in a row, in more than a minute
const LONGEST_PAUSE = 30; // seconds
const LONGEST_WAIT = 60; // seconds: who is told to wait longer may as well try again by hand

export class Queue {
  #on;
  #atATime;
  #waiting = [];
  #atWork = 0; // of this round
  #failures = 0; // in a row
  #round = 0; // each pause begins another
  #pause; // while all wait
  #timer;

  /**
   * `on`: what to call.
   *
   * `work(thing)` returns a promise that does not reject: of "done", of an error where it may go well
   * later (`retryAfter`: the seconds for which the server wants to be left alone, or 0), or of anything
   * else where that says nothing of the server. `wait(things, pause)`: these wait now, where there is a
   * `pause` all do: {error, seconds}. `giveUp(things, error)`: these are not tried any more.
   */
  constructor(on, atATime = 2) {
    this.#on = on;
    this.#atATime = atATime;
    addEventListener("online", () => this.#tryNow());
  }

  add(thing) {
    this.#hold(thing);
    this.#next();
  }

  drop(thing) {
    this.#waiting = this.#waiting.filter((one) => one !== thing);
  }

  #hold(thing) {
    this.#waiting.push(thing);
    this.#on.wait([thing], this.#pause);
  }

  #next() {
    if (!this.#atWork && !this.#waiting.length) this.#failures = 0; // what comes next begins anew
    const most = this.#failures ? 1 : this.#atATime;
    while (!this.#pause && this.#atWork < most && this.#waiting.length) {
      this.#work(this.#waiting.shift());
    }
  }

  async #work(thing) {
    const round = this.#round;
    this.#atWork++;
    const outcome = await this.#on.work(thing);
    // What was sent before a pause says nothing of the time after it.
    const isNews = round === this.#round;
    if (isNews) this.#atWork--;
    if (isNews && outcome === "done") this.#failures = 0;
    if (outcome instanceof Error) {
      // At the end: if the server breaks on this one alone, the next will tell.
      this.#hold(thing);
      if (isNews) this.#fail(outcome);
    }
    this.#next();
  }

  #fail(error) {
    this.#failures++;
    if (this.#failures === MOST_FAILURES || error.retryAfter > LONGEST_WAIT) this.#giveUp(error);
    else this.#rest(error, Math.max(error.retryAfter, pauseAfter(this.#failures)));
  }

  #giveUp(error) {
    this.#failures = 0;
    this.#on.giveUp(this.#waiting.splice(0), error);
  }

  #rest(error, seconds) {
    this.#round++;
    this.#atWork = 0;
    this.#pause = { error, seconds: Math.ceil(seconds) };
    this.#timer = setTimeout(() => this.#goOn(), 1000 * seconds);
    this.#on.wait(this.#waiting, this.#pause);
  }

  #goOn() {
    clearTimeout(this.#timer);
    this.#pause = undefined;
    this.#on.wait(this.#waiting);
    this.#next();
  }

  // There is a connection again: what failed before says nothing of it. A server that wants to be left
  // alone still does.
  #tryNow() {
    if (!this.#pause || this.#pause.error.retryAfter) return;
    this.#failures = 1;
    this.#goOn();
  }
}

// Twice as long each time, and by chance up to a quarter shorter: not all pages come back at once.
function pauseAfter(failures) {
  return Math.min(LONGEST_PAUSE, 2 ** (failures - 1)) * (1 - Math.random() / 4);
}
