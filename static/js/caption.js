// One caption in a card: edited in place, copied, read aloud, changed for another way to say it.

import { percent, sureness } from "./chance.js";
import { copy } from "./clipboard.js";
import { copyOf, find, say, texts } from "./dom.js";
import { canSpeak, speak, stop, whenVoicesChange } from "./speech.js";

/**
 * The element for a caption ({language, text, edited, probability, alternatives}) of a photo.
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
    showSureness(element.querySelector(".sure"), caption);
    showOthers(element.querySelector(".others"), caption.alternatives, choose);
  }
  function choose(index) {
    swap(caption, index);
    show();
    changed();
    text.focus();
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

// The model's own sentence stays one click away.
function edit(caption, text) {
  if (!caption.edited) {
    caption.alternatives.unshift({ text: caption.text, probability: caption.probability });
  }
  Object.assign(caption, { text, edited: true });
}

// A sentence that a person wrote has no probability, and is not lost either.
function swap(caption, index) {
  const { text, probability } = caption.alternatives[index];
  caption.alternatives[index] = caption.edited
    ? { text: caption.text }
    : { text: caption.text, probability: caption.probability };
  const edited = probability === undefined;
  Object.assign(caption, { text, edited }, edited ? {} : { probability });
}

function showSureness(badge, caption) {
  if (caption.edited) {
    badge.textContent = texts.edited;
    delete badge.dataset.step;
    badge.removeAttribute("title");
    return;
  }
  const step = sureness(caption);
  badge.dataset.step = step;
  badge.textContent = texts[step];
  badge.title = say(texts.probability, { percent: percent(caption.probability) });
}

function showOthers(details, alternatives, choose) {
  const list = details.querySelector("ul");
  const items = alternatives.map(({ text, probability }, index) => {
    const item = list.firstElementChild.cloneNode(true);
    item.querySelector(".other-text").textContent = text;
    item.querySelector(".chance").textContent =
      probability === undefined ? texts.edited : percent(probability);
    item.querySelector("button").addEventListener("click", () => choose(index));
    return item;
  });
  details.hidden = !items.length;
  if (items.length) list.replaceChildren(...items);
}

function setUpSpeaking(button, caption) {
  const label = button.querySelector("span");
  const rest = label.textContent;
  const update = () => (button.hidden = !canSpeak(caption.language));
  whenVoicesChange(update);
  update();
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
