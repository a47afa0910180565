// Earlier results, which this browser keeps: shown, opened again, deleted.

import { copyOf, find, locale, mainCaption, say, texts } from "./dom.js";
import * as history from "./history.js";
import { htmlLang } from "./lang.js";
import { Later } from "./later.js";
import { announce } from "./status.js";
import { isOn, turn } from "./switches.js";

const AT_A_TIME = 12;

let shown = AT_A_TIME;
let addresses = []; // of the pictures shown

/**
 * `isOpen(id)`: whether a result is among those of now; `open(entry)` puts it there.
 *
 * Returns {keep, keepSoon, refresh}: keep(entry) where the person wants that, keepSoon(entry) when
 * typing pauses, refresh() to show what is kept.
 */
export function setUpEarlier(isOpen, open) {
  const edits = new Later(keep);
  let listed = []; // ids
  const refresh = async () => {
    await edits.now();
    const entries = (await history.all()).filter(({ id }) => !isOpen(id));
    listed = entries.map(({ id }) => id);
    show(entries, { open, refresh });
  };
  setUpSwitch();
  find("more").addEventListener("click", () => {
    shown += AT_A_TIME;
    refresh();
  });
  find("delete-all").addEventListener("click", async () => {
    await edits.now(); // for nothing may come back later
    // What is open was kept too; what another page kept since, the person has not seen.
    const unlisted = (await history.all()).map(({ id }) => id).filter(isOpen);
    await history.remove(...listed, ...unlisted);
    await afterDeleting(refresh);
  });
  refresh();
  return { keep, keepSoon: (entry) => edits.add(entry), refresh };
}

async function keep(entry) {
  if (!isOn("keep") || (await history.save(entry))) return;
  find("not-kept").textContent ||= texts.notKept; // said once
}

function setUpSwitch() {
  const keep = find("keep");
  keep.checked = isOn("keep");
  keep.addEventListener("change", () => turn("keep", keep.checked));
}

function show(entries, on) {
  addresses.forEach((address) => URL.revokeObjectURL(address));
  addresses = [];
  find("kept").replaceChildren(...entries.slice(0, shown).map((entry) => item(entry, on)));
  find("more").hidden = entries.length <= shown;
  find("delete-all").hidden = !entries.length;
}

function item(entry, { open, refresh }) {
  const element = copyOf("kept-item");
  const { text, language } = mainCaption(entry.captions);
  const image = element.querySelector("img");
  image.src = URL.createObjectURL(entry.photo);
  addresses.push(image.src);
  const caption = element.querySelector(".kept-text");
  caption.textContent = text;
  caption.lang = htmlLang(language);
  showTime(element.querySelector("time"), new Date(entry.time));
  element.querySelector(".open").addEventListener("click", () => open(entry));
  const remove = element.querySelector(".delete");
  remove.querySelector("span").textContent = say(texts.delete, { name: entry.name });
  remove.addEventListener("click", async () => {
    await history.remove(entry.id);
    await afterDeleting(refresh);
  });
  return element;
}

// In two parts: a narrow one breaks between them alone.
function showTime(element, time) {
  const [day, hour] = element.children;
  element.dateTime = time.toISOString();
  day.textContent = time.toLocaleDateString(locale, { dateStyle: "medium" });
  hour.textContent = time.toLocaleTimeString(locale, { timeStyle: "short" });
}

// The button that had the focus is gone.
async function afterDeleting(refresh) {
  await refresh();
  announce(texts.deleted);
  find("earlier-title").focus();
}
