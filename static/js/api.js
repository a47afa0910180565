// One photo to the server, its captions back.

import { say, texts } from "./dom.js";

// Statuses. What is refused so is refused again; what fails so may go well a little later, as all
// faults of a server or of a proxy before it may.
const FINAL = [400, 413, 415, 422];
const PASSING = [408, 425, 429];
const BUSY = [429, 503];
const STALLED = 150_000; // milliseconds: the server itself takes two minutes at most

/** Why there are no captions: its message is a sentence for the person. */
export class Refusal extends Error {
  isFinal = false; // trying again would end the same
  isPassing = false; // trying again by itself may help, after `retryAfter` seconds at the earliest
  retryAfter = 0;
  isBusy = false; // the server said so
  isSignedOut = false;

  constructor(message, facts) {
    super(message);
    Object.assign(this, facts);
  }
}

/**
 * The photo as the API describes it.
 *
 * `fields` are the form's (language, model). `tell` is called with ("uploading", share) and
 * ("looking"). Rejects with a Refusal, or once `signal` aborts; where it has already, nothing is sent.
 */
export function describe(photo, fields, signal, tell) {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason); // its event is past
    const request = start(reject);
    request.upload.onprogress = ({ loaded, total }) => tell("uploading", loaded / total);
    request.upload.onload = () => tell("looking");
    request.onload = () => {
      const found = described(request);
      if (found) resolve(found);
      else reject(refusal(request));
    };
    request.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => request.abort());
    tell("uploading", 0);
    request.send(formOf(photo, fields));
  });
}

// XMLHttpRequest, not fetch: only it says how much is uploaded.
function start(fail) {
  const request = new XMLHttpRequest();
  request.open("POST", texts.api);
  request.responseType = "json";
  request.onerror = () => fail(unreachable());
  whenStalled(request, () => {
    fail(unreachable());
    request.abort();
  });
  return request;
}

// Not request.timeout, which counts from the start: a slow line may take long for the upload alone.
function whenStalled(request, act) {
  let timer;
  const restart = () => {
    clearTimeout(timer);
    timer = setTimeout(act, STALLED);
  };
  for (const target of [request, request.upload]) {
    for (const event of ["loadstart", "progress", "load"]) target.addEventListener(event, restart);
  }
  request.addEventListener("loadend", () => clearTimeout(timer));
}

function formOf(photo, fields) {
  const form = new FormData();
  form.append("photo", photo, photo.name);
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  return form;
}

// Undefined where another than the API answers, as the sign-in of a network for guests does.
function described({ status, response }) {
  const photo = status === 200 ? response?.photos?.[0] : undefined;
  return Array.isArray(photo?.captions) ? photo : undefined;
}

const unreachable = () => new Refusal(texts.unreachable, { isPassing: true });

function refusal(request) {
  const { status, response } = request;
  if (status === 401) return signedOut();
  const isPassing = status < 300 || status >= 500 || PASSING.includes(status);
  const otherwise = isPassing ? texts.unreachable : say(texts.refused, { status });
  return new Refusal(response?.error?.message ?? otherwise, {
    isFinal: FINAL.includes(status),
    isPassing,
    isBusy: BUSY.includes(status),
    retryAfter: secondsUntil(request.getResponseHeader("Retry-After"), request),
  });
}

// The same for every photo, until the person has done something.
const signedOut = () =>
  new Refusal(texts.signedOut, { isPassing: true, isSignedOut: true, retryAfter: Infinity });

// Seconds, or a date by the server's clock; 0 where it is neither, or past.
function secondsUntil(moment, request) {
  if (/^\d+$/.test(moment)) return Number(moment);
  const now = Date.parse(request.getResponseHeader("Date")) || Date.now();
  return Math.max(0, Math.ceil((Date.parse(moment) - now) / 1000)) || 0;
}
