// The card of one photo: what it looks like, how far it is, what it says.

import { captionElement } from "./caption.js";
import { copyOf, mainCaption, say, texts } from "./dom.js";
import { htmlLang } from "./lang.js";
import { showMarks } from "./marks.js";

export class Card {
  #address;

  /** `on`: what to call when the person wants it: remove(), retry(); changed() after an edit. */
  constructor(name, photo, on) {
    this.on = on;
    this.element = copyOf("card");
    this.image = this.element.querySelector("img");
    this.heading = this.element.querySelector("h3");
    this.heading.textContent = this.name = name;
    const remove = this.#find(".remove");
    remove.querySelector("span").textContent = say(texts.remove, { name });
    remove.addEventListener("click", on.remove);
    this.#find(".retry").addEventListener("click", on.retry);
    this.showPhoto(photo);
    this.show("waiting");
  }

  #find(selector) {
    return this.element.querySelector(selector);
  }

  showPhoto(photo) {
    URL.revokeObjectURL(this.#address);
    this.#address = URL.createObjectURL(photo);
    const shot = this.#find(".shot");
    this.image.onload = () => (shot.hidden = false);
    this.image.onerror = () => (shot.hidden = true); // what this browser cannot decode
    this.image.decoding = "async";
    this.image.src = this.#address;
  }

  /** A state: waiting, busy, away, uploading, looking, done or failed, with what it needs to say. */
  show(state, detail) {
    const failed = state === "failed";
    this.element.dataset.state = state;
    this.#find(".state").textContent = say(texts[state], { seconds: detail });
    this.#find(".error").textContent = failed ? detail.message : "";
    this.#find(".retry").hidden = !failed || Boolean(detail.isFinal);
    const bar = this.#find("progress");
    bar.hidden = state !== "uploading" && state !== "looking";
    bar.setAttribute("aria-label", say(texts[state], { seconds: detail }));
    if (state === "uploading") bar.value = detail;
    else bar.removeAttribute("value");
  }

  showCaptions(captions, regions) {
    this.show("done");
    const show = () => {
      this.#describeImage(mainCaption(captions));
      showMarks(this.element, captions, regions);
    };
    const changed = () => {
      show();
      this.on.changed();
    };
    this.#find(".captions").replaceChildren(
      ...captions.map((caption) => captionElement(caption, this.name, changed)),
    );
    show();
  }

  #describeImage({ text, language }) {
    this.image.alt = text;
    this.image.lang = htmlLang(language);
  }

  /** What it says of it. */
  get state() {
    return this.#find(".state").textContent;
  }

  focus() {
    this.heading.focus();
  }

  remove() {
    URL.revokeObjectURL(this.#address);
    this.element.remove();
  }
}
