// Makes more of the form where scripts run: many photos at once, each described as soon as it comes.

import { find, say, texts } from "./js/dom.js";
import { setUpDownloads } from "./js/downloads.js";
import { setUpEarlier } from "./js/earlier.js";
import { nameOf, whenPhotosCome } from "./js/intake.js";
import { htmlLang } from "./js/lang.js";
import { Photo } from "./js/photo.js";
import { Queue } from "./js/queue.js";
import { takeShared } from "./js/shared.js";
import { Tally, announce } from "./js/status.js";
import { recall, remember } from "./js/switches.js";

const form = find("form");
const cards = find("cards");
const tally = new Tally();
const queue = new Queue({ work: describe, wait, giveUp });
let photos = []; // as they are shown, the newest first

document.documentElement.classList.add("js");
cards.replaceChildren(); // what the server showed before there was a script
update();
rememberChoice("language");

setUpDownloads(described, fail);
const earlier = setUpEarlier(isOpen, reopen);
whenPhotosCome(take);
find("remove-all").addEventListener("click", removeAll);
find("retry-all").addEventListener("click", retryAll);
takeShared().then((files) => files.length && take(files));

function take(files) {
  fail(files.length ? "" : texts.noPhotos);
  const { photo, ...fields } = Object.fromEntries(new FormData(form));
  const added = files.map((file) => {
    const one = new Photo(file, nameOf(file), fields, handlers(() => one));
    return one;
  });
  insert(added);
  tally.add(added.length);
  added.forEach((one) => queue.add(one));
}

function insert(added) {
  photos = [...added, ...photos];
  cards.prepend(...added.map(({ card }) => card.element));
  update();
  added[0]?.card.element.scrollIntoView({ block: "nearest" });
}

// `photo()`, for there is none yet when its card is made.
function handlers(photo) {
  return {
    remove: () => removeOne(photo()),
    retry: () => retry(photo()),
    changed: () => earlier.keepSoon(photo().entry),
  };
}

async function describe(photo) {
  const outcome = await photo.describe();
  if (outcome === "done" || outcome === "failed") settle([photo], outcome);
  if (photo.entry) earlier.keep(photo.entry); // the next photo does not wait for that
  return outcome;
}

function wait(waiting, pause) {
  waiting.forEach((photo) => photo.wait(pause));
  if (pause && waiting.length) announce(waiting[0].card.state);
}

function giveUp(waiting, error) {
  waiting.forEach((photo) => photo.fail(error));
  settle(waiting, "failed");
}

function settle(some, outcome) {
  some.forEach(() => tally.settle(outcome));
  update();
  if (tally.all === 1) announce(...wordsOf(some[0]));
  else announce(tally.sentence);
}

// One photo's captions are read out: they are what the person waits for.
function wordsOf({ entry, card }) {
  if (!entry) return [card.element.querySelector(".error").textContent];
  return entry.captions.map(({ text, language }) => {
    const words = document.createElement("span");
    words.lang = htmlLang(language);
    words.textContent = text;
    return words;
  });
}

function retry(photo) {
  photo.card.focus(); // the button is gone
  tryAgain([photo]);
}

function retryAll() {
  find("results-title").focus(); // the button is gone
  tryAgain(retriable());
}

function tryAgain(some) {
  tally.add(some.length);
  some.forEach((photo) => queue.add(photo));
  update();
}

function retriable() {
  return photos.filter(({ failure }) => failure && !failure.isFinal);
}

function removeOne(photo) {
  const index = photos.indexOf(photo);
  drop(photo);
  photos.splice(index, 1);
  update();
  announce(say(texts.removed, photo));
  const neighbour = photos[index] ?? photos[index - 1];
  if (neighbour) neighbour.card.focus();
  else find("file").focus();
  earlier.refresh();
}

function removeAll() {
  photos.forEach(drop);
  photos = [];
  update();
  find("file").focus();
  earlier.refresh();
}

function drop(photo) {
  const state = photo.card.element.dataset.state;
  if (state !== "done" && state !== "failed") tally.settle("removed");
  queue.drop(photo);
  photo.remove();
}

function reopen(entry) {
  const one = Photo.from(entry, handlers(() => one));
  insert([one]);
  one.card.focus();
  earlier.refresh();
}

function described() {
  return photos.filter(({ entry }) => entry);
}

function isOpen(id) {
  return photos.some(({ entry }) => entry?.id === id);
}

function update() {
  find("results").hidden = !photos.length;
  document.documentElement.classList.toggle("at-work", photos.length > 0);
  for (const id of ["copy-all", "downloads"]) find(id).hidden = !described().length;
  find("retry-all").hidden = retriable().length < 2;
  find("sign-in").hidden = !photos.some(({ failure }) => failure?.isSignedOut);
}

function fail(sentence) {
  find("error").textContent = sentence;
  find("file").setAttribute("aria-invalid", Boolean(sentence));
}

function rememberChoice(name) {
  const before = recall(name);
  const chosen = [...form.querySelectorAll(`[name="${name}"]`)].find(({ value }) => value === before);
  if (chosen) chosen.checked = true;
  form.addEventListener("change", ({ target }) => {
    if (target.name === name) remember(name, target.value);
  });
}
