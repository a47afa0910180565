// One photo to the server, its captions back.

import { texts } from "./dom.js";

const MOST_TRIES = 6;
const LONGEST_WAIT = 60; // seconds: who is told to wait longer may as well try again by hand
const FINAL = [400, 413, 415, 422]; // statuses: what is refused so is refused again

/** Why there are no captions: its message is a sentence for the person. */
export class Refusal extends Error {
  /** `retryAfter`: seconds, where waiting helps. `isFinal`: trying again would end the same. */
  constructor(message, { retryAfter = 0, isFinal = false } = {}) {
    super(message);
    this.retryAfter = retryAfter;
    this.isFinal = isFinal;
  }
}

/**
 * The photo as the API describes it. Where the server is busy, waits as long as it says and asks again.
 *
 * `fields` are the form's (language, model). `tell` is called with ("uploading", share),
 * ("looking") and ("busy", seconds). Rejects with a Refusal, or once `signal` aborts; where it has
 * already, nothing is sent.
 */
export async function describe(photo, fields, signal, tell) {
  for (let tries = 1; ; tries++) {
    try {
      return await ask(photo, fields, signal, tell);
    } catch (error) {
      if (!error.retryAfter || error.retryAfter > LONGEST_WAIT || tries === MOST_TRIES) throw error;
      tell("busy", error.retryAfter);
      await sleep(error.retryAfter, signal);
    }
  }
}

// XMLHttpRequest, not fetch: only it says how much is uploaded.
function ask(photo, fields, signal, tell) {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason); // its event is past
    const request = new XMLHttpRequest();
    request.open("POST", texts.api);
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => tell("uploading", loaded / total);
    request.upload.onload = () => tell("looking");
    request.onload = () =>
      request.status === 200 ? resolve(request.response.photos[0]) : reject(refusal(request));
    request.onerror = () => reject(new Refusal(texts.unreachable));
    request.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => request.abort());
    tell("uploading", 0);
    request.send(formOf(photo, fields));
  });
}

function formOf(photo, fields) {
  const form = new FormData();
  form.append("photo", photo, photo.name);
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  return form;
}

function refusal(request) {
  const wait = request.status === 503 || request.status === 429;
  const message = request.response?.error?.message ?? texts.unreachable;
  return new Refusal(message, {
    retryAfter: wait ? Number(request.getResponseHeader("Retry-After")) : 0,
    isFinal: FINAL.includes(request.status),
  });
}

function sleep(seconds, signal) {
  return new Promise((resolve, reject) => {
    setTimeout(resolve, 1000 * seconds);
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}
