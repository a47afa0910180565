// One caption in a card: edited in place, copied, read aloud, changed for another way to say it.

import { copy } from "./clipboard.js";
import { copyOf, find, say, texts } from "./dom.js";
import { percent } from "./percent.js";
import { canSpeak, speak, stop, whenVoicesChange } from "./speech.js";

const COMMAS = { en: ", ", zh: "、" };

/**
 * The element for a caption ({language, text, slots, edited, probability, confidence, perhaps,
 * alternatives}) of a photo.
 *
 * What the person makes of it is written into `caption`, and then `changed()` is called.
 */
export function captionElement(caption, name, changed) {
  const element = copyOf(`caption-${caption.language}`);
  const text = element.querySelector("textarea");
  const language = find(`caption-${caption.language}`).dataset.language;
  text.setAttribute("aria-label", say(texts.captionOf, { language, name }));

  function show() {
    text.value = text.parentElement.dataset.text = caption.text;
    showConfidence(element.querySelector(".sure"), caption);
    showPerhaps(element.querySelector(".perhaps"), caption);
    showOthers(element.querySelector(".others"), caption.alternatives, choose);
  }
  function choose(index) {
    swap(caption, index);
    show();
    changed();
    // Who chose a sentence that points at things sees at what; else it is where it can be edited.
    (element.querySelector(".sentence .word") ?? text).focus();
  }
  text.addEventListener("input", () => {
    edit(caption, text.value);
    show();
    changed();
  });
  const copyButton = element.querySelector(".copy");
  copyButton.addEventListener("click", () => copy(caption.text, copyButton));
  setUpSpeaking(element.querySelector(".speak"), caption);
  show();
  return element;
}

// A sentence that a person wrote has no probability: it is null.
const isOwn = ({ probability }) => probability === null;

// The model's own sentence stays one click away, unless the person types just that.
function edit(caption, text) {
  const { alternatives } = caption;
  if (!caption.edited) alternatives.unshift(sentenceOf(caption));
  const same = alternatives.findIndex((other) => other.text === text && !isOwn(other));
  const [known] = same < 0 ? [] : alternatives.splice(same, 1);
  put(caption, known ?? { text, probability: null });
}

// Neither sentence is lost.
function swap(caption, index) {
  const chosen = caption.alternatives[index];
  caption.alternatives[index] = sentenceOf(caption);
  put(caption, chosen);
}

/** What belongs to a sentence, and changes with it. */
export const sentenceOf = ({ text, probability, confidence, perhaps, slots }) => ({
  text,
  probability,
  confidence,
  perhaps,
  slots,
});

function put(caption, sentence) {
  Object.assign(caption, sentenceOf(sentence), { edited: isOwn(sentence) });
}

function showConfidence(badge, caption) {
  const { edited, confidence } = caption;
  if (edited || !confidence) {
    badge.textContent = edited ? texts.edited : "";
    delete badge.dataset.step;
    badge.removeAttribute("title");
    return;
  }
  badge.dataset.step = confidence;
  badge.textContent = texts[confidence];
  badge.title = say(texts.probability, { percent: percent(caption.probability) });
}

// Beside a guess alone, and from models that know of more.
function showPerhaps(line, { language, perhaps = [] }) {
  line.hidden = !perhaps.length;
  line.lastElementChild.textContent = perhaps.join(COMMAS[language]);
}

function showOthers(details, alternatives, choose) {
  const list = details.querySelector("ul");
  const items = alternatives.map((other, index) => {
    const item = list.firstElementChild.cloneNode(true);
    item.querySelector(".other-text").textContent = other.text;
    item.querySelector(".chance").textContent = isOwn(other)
      ? texts.edited
      : percent(other.probability);
    item.querySelector("button").addEventListener("click", () => choose(index));
    return item;
  });
  details.hidden = !items.length;
  if (items.length) list.replaceChildren(...items);
}

// Here, once, and not for each caption: it would outlive them all.
whenVoicesChange(() => document.querySelectorAll(".speak").forEach(showIfOfUse));

function showIfOfUse(speakButton) {
  speakButton.hidden = !canSpeak(speakButton.dataset.language);
}

function setUpSpeaking(button, caption) {
  const label = button.querySelector("span");
  const rest = label.textContent;
  button.dataset.language = caption.language;
  showIfOfUse(button);
  button.addEventListener("click", async () => {
    if (button.classList.contains("speaking")) return stop();
    const spoken = speak(caption.text, caption.language);
    button.classList.add("speaking");
    label.textContent = button.dataset.stop;
    await spoken;
    button.classList.remove("speaking");
    label.textContent = rest;
  });
}
