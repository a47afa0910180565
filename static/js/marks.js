// What words of a caption and boxes on its photo share: a number, by which they are recognised, and
// light up together, which page.css does. As app/web/marks.py has it.

import { copyOf, find, say, texts } from "./dom.js";
import { percent } from "./percent.js";

const MOST = 9; // as many as page.css can light up
const PLACES = texts.places.split("|"); // of the nine fields of a photo, row by row
const NAMES = JSON.parse(texts.objects || "{}"); // of classes, in the page's language

/** Marks what the captions of a card point at. Older results have no regions. */
export function showMarks(card, captions, regions = []) {
  const marks = marksOf(captions, regions);
  const boxes = [...marks.values()].sort((one, other) => area(other) - area(one)).map(boxElement);
  card.querySelector(".boxes").replaceChildren(...boxes); // the smallest on top
  card.querySelectorAll(".caption").forEach((element, index) => {
    const caption = captions[index];
    const sentence = element.querySelector(".sentence");
    sentence.hidden = !caption.slots?.length;
    sentence.replaceChildren(...pieces(caption, marks));
    const said = talkOf(caption);
    const talk = element.querySelector(".talk");
    talk.hidden = !said;
    talk.lastElementChild.replaceChildren(...(said ? pieces(said, marks) : []));
  });
}

// By region.
function marksOf(captions, regions) {
  const said = captions.flatMap((caption) => [caption, talkOf(caption)]);
  const pointed = new Set(said.flatMap((one) => one?.slots ?? []).map(({ region }) => region));
  const few = [...pointed].slice(0, MOST);
  return new Map(few.map((index, at) => [index, markOf(regions[index], at + 1, few.length)]));
}

function markOf({ class: name, score, box }, number, all) {
  const field = (one, other) => Math.min(Math.floor(1.5 * (one + other)), 2);
  const place = PLACES[3 * field(box.top, box.bottom) + field(box.left, box.right)];
  return { number, all, place, name: NAMES[name] ?? name, percent: percent(score), box };
}

// Below what is but a guess: a sentence of nothing but what was detected.
function talkOf(caption) {
  return caption.edited || caption.confidence !== "guess" ? null : caption.baby_talk;
}

const area = ({ box }) => (box.right - box.left) * (box.bottom - box.top);

// Slots count characters as Python does.
function pieces({ text, slots = [] }, marks) {
  const letters = [...text];
  const found = [];
  let at = 0;
  const upTo = (end) => letters.slice(at, (at = end)).join("");
  for (const { start, end, region } of slots) {
    if (!marks.has(region)) continue;
    found.push(upTo(start), wordElement(upTo(end), marks.get(region)));
  }
  return [...found, upTo(letters.length)];
}

function wordElement(text, mark) {
  const element = copyOf("word");
  element.dataset.n = mark.number;
  element.firstElementChild.textContent = text;
  element.lastElementChild.textContent = say(texts.mark, mark);
  return element;
}

function boxElement({ number, name, percent, box }) {
  const element = find("box").content.querySelector("g").cloneNode(true);
  const [edge, tag] = element.children;
  element.dataset.n = number;
  const at = { x: box.left, y: box.top };
  set(edge, { ...at, width: box.right - box.left, height: box.bottom - box.top });
  set(tag, at);
  if (box.top < 0.12) tag.firstElementChild.setAttribute("transform", "translate(0 20)");
  const [, badge, label] = tag.firstElementChild.children;
  badge.textContent = number;
  label.textContent = `${name} ${percent}`;
  if (box.left > 0.5) {
    label.setAttribute("x", -6);
    label.setAttribute("text-anchor", "end");
  }
  return element;
}

function set(element, shares) {
  for (const [name, share] of Object.entries(shares)) {
    element.setAttribute(name, `${(100 * share).toFixed(2)}%`);
  }
}
