// Captions as text to keep or to paste elsewhere.

import { htmlLang } from "./lang.js";

/** A row for each photo and language. With a BOM, or else Excel takes Chinese for Latin. */
export function toCsv(entries) {
  const rows = entries.flatMap(({ name, captions }) =>
    captions.map(({ language, text, probability, edited }) =>
      [guard(name), language, guard(text), probability ?? "", edited].map(cell).join(","),
    ),
  );
  return "\ufeff" + ["file,language,caption,probability,edited", ...rows, ""].join("\r\n");
}

export function toJson(entries) {
  const photos = entries.map(({ name, time, captions, regions }) => ({
    name,
    time: new Date(time).toISOString(),
    captions,
    regions,
  }));
  return JSON.stringify({ photos }, null, 2) + "\n";
}

/** A figure for each photo: its first caption is the alt text, others stand below. */
export function toHtml(entries) {
  const figures = entries.map(({ name, captions: [first, ...others] }) => {
    const image = `  <img src="${html(address(name))}" alt="${html(first.text)}" ${lang(first)}>\n`;
    const below = others.map((other) => `<p ${lang(other)}>${html(other.text)}</p>`).join("");
    return `<figure>\n${image}${below && `  <figcaption>${below}</figcaption>\n`}</figure>\n`;
  });
  return `<!doctype html>\n<meta charset="utf-8">\n<title>Kantu</title>\n${figures.join("")}`;
}

/** An image for each photo: its first caption is the alt text, others stand below. */
export function toMarkdown(entries) {
  const images = entries.map(({ name, captions: [first, ...others] }) =>
    [`![${markdown(first.text)}](${address(name)})`, ...others.map((other) => markdown(other.text))]
      .map((paragraph) => paragraph + "\n")
      .join("\n"),
  );
  return images.join("\n");
}

// A spreadsheet would run what begins like this.
const guard = (text) => (/^[=+\-@\t\r＝＋－＠]/.test(text) ? `'${text}` : text);

const cell = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : String(value));

const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

const html = (text) => text.replace(/[&<>"]/g, (character) => ENTITIES[character]);

const lang = ({ language }) => `lang="${htmlLang(language)}"`;

// Relative to the page beside the photos. Markdown would end an address at a bracket.
const address = (name) =>
  name
    .split("/")
    .map((part) => encodeURIComponent(part).replace(/[()]/g, (one) => (one === "(" ? "%28" : "%29")))
    .join("/");

// One line, of which nothing is markup: neither inside it nor, as "1." would be, at its beginning.
const markdown = (text) =>
  text
    .replace(/\s+/g, " ")
    .trim()
    .replace(/[\\`*_[\]<>&~|$]/g, "\\$&")
    .replace(/^(\d*)([-+=#.)])/, "$1\\$2");
