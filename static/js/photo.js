// One photo from the moment it is chosen: made small, sent, described.

import { Refusal, describe } from "./api.js";
import { sentenceOf } from "./caption.js";
import { Card } from "./card.js";
import { newId, texts } from "./dom.js";
import { toUpload } from "./shrink.js";

export class Photo {
  #stopping = new AbortController();
  #upload; // made once, however often it is sent
  failure; // why there are no captions
  entry; // for js/history.js and the downloads, once there are captions

  /** `fields`: what the form asks for. `on`: as for Card. */
  constructor(file, name, fields, on) {
    this.original = file;
    this.fields = fields;
    this.name = name;
    this.card = new Card(name, file, on);
  }

  /** One that was described earlier. */
  static from(entry, on) {
    const photo = new Photo(entry.photo, entry.name, {}, on);
    photo.original = undefined; // the small one is all there is
    photo.#finish(entry);
    return photo;
  }

  get isOpen() {
    return !this.#stopping.signal.aborted;
  }

  /** Shown as waiting, where all photos do for a `pause`, as of Queue. */
  wait(pause) {
    this.failure = undefined;
    if (!pause) this.card.show("waiting");
    else this.card.show(pause.error.isBusy ? "busy" : "away", pause.seconds);
  }

  /**
   * Resolves to "done", "failed", or "removed" where the person did not want to wait; to a Refusal where
   * it may go well later.
   */
  async describe() {
    if (!this.isOpen) return "removed";
    try {
      const upload = (this.#upload ??= await toUpload(this.original));
      if (!this.isOpen) return "removed"; // while it was made small: it must not be sent
      this.#finish(entryOf(this.name, upload, await this.#send(upload)));
      return "done";
    } catch (error) {
      if (!this.isOpen) return "removed";
      if (error.isPassing) return error;
      this.fail(error);
      return "failed";
    }
  }

  fail(error) {
    this.failure = error;
    this.card.show("failed", error);
  }

  remove() {
    this.#stopping.abort();
    this.card.remove();
  }

  #send(upload) {
    if (upload.size > Number(texts.maxBytes)) throw new Refusal(texts.tooLarge, { isFinal: true });
    this.card.showPhoto(upload);
    const tell = (state, detail) => this.isOpen && this.card.show(state, detail);
    return describe(upload, this.fields, this.#stopping.signal, tell);
  }

  #finish(entry) {
    this.entry = entry;
    this.card.showCaptions(entry.captions, entry.regions);
  }
}

// Slots, regions and baby talk come from models that point at what they name, and are else absent; so
// is confidence where a model does not say what it is worth.
function entryOf(name, photo, { captions, regions }) {
  return {
    id: newId(),
    name,
    time: Date.now(),
    photo,
    regions,
    captions: captions.map(({ language, baby_talk, alternatives, ...best }) => ({
      language,
      ...sentenceOf(best),
      edited: false,
      baby_talk,
      alternatives: alternatives.map(sentenceOf),
    })),
  };
}
