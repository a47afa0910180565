// How far the work is: seen in the bar, and said to those who listen, now and then.

import { find, say, texts } from "./dom.js";

const PAUSE = 4000; // milliseconds between two announcements: who listens wants to do so in peace

let next; // what will be said
let timer;

/** Says a text, or elements. Of several within PAUSE the last is said. */
export function announce(...words) {
  next = words;
  if (timer) return;
  utter();
}

function utter() {
  find("status").replaceChildren(...next);
  next = undefined;
  timer = setTimeout(() => {
    timer = undefined;
    if (next) utter();
  }, PAUSE);
}

/** Counts photos from the first that is added to the end of all work. */
export class Tally {
  all = 0;
  done = 0;
  failed = 0;

  get isOver() {
    return this.done + this.failed >= this.all;
  }

  add(count) {
    if (this.isOver) this.all = this.done = this.failed = 0;
    this.all += count;
    this.show();
  }

  /** `outcome`: "done" or "failed"; anything else was removed before there was one. */
  settle(outcome) {
    if (outcome === "done") this.done++;
    else if (outcome === "failed") this.failed++;
    else this.all--;
    this.show();
  }

  get sentence() {
    return say(this.failed ? texts.progressFailed : texts.progress, this);
  }

  show() {
    find("overall").hidden = this.all < 2;
    find("count").textContent = this.sentence;
    find("bar").max = this.all || 1;
    find("bar").value = this.done + this.failed;
  }
}
