// Captions in an XMP packet: RDF, written as XML.
//
// A packet is parsed only to find what has to go; what others wrote stays, byte for byte. Many are no
// proper XML, and programs that are made with Adobe's toolkit read them all the same: so does this.

import { decode, encode, fromBinary, toBinary } from "./bytes.js";
import { htmlLang } from "./lang.js";
import { inUtf8 } from "./unicode.js";
import { SPACES, elementsOf, undeclared } from "./xml.js";

const RDF = SPACES.rdf;

const PROPERTIES = ["dc:description", "Iptc4xmpCore:AltTextAccessibility"];
const REPLACED = [
  [SPACES.dc, "description"],
  [SPACES.Iptc4xmpCore, "AltTextAccessibility"],
  [SPACES.tiff, "ImageDescription"], // EXIF's, as programs once copied it
];

const BEFORE =
  '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n' +
  `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="${RDF}">`;
const AFTER = '</rdf:RDF></x:xmpmeta>\n<?xpacket end="w"?>';
const END = "<?xpacket end";

/** A packet with these texts ({language, text}), the first the default. */
export function newXmp(texts) {
  return encode(BEFORE + descriptionOf(texts) + AFTER);
}

/**
 * The packet with these texts instead of its own; with none, only without its own. Undefined where it
 * cannot be read.
 */
export function withXmp(packet, texts) {
  if (isEmpty(packet)) return texts.length ? newXmp(texts) : packet;
  const text = readable(packet);
  const elements = text ? elementsOf(text) : [];
  const root = elements.find((one) => is(one, RDF, "RDF"));
  if (!root?.end) return undefined;
  const descriptions = elements.filter(
    (one) => is(one, RDF, "Description") && one.parent && is(one.parent, RDF, "RDF"),
  );
  const edits = descriptions.flatMap((one) => removals(one, elements));
  if (texts.length) edits.push(addition(root, descriptionOf(texts, aboutOf(descriptions))));
  return edits.length ? fromBinary(padded(applied(edits, text), text.length)) : packet;
}

// Programs make room for XMP, and then have nothing to say.
function isEmpty(packet) {
  const text = toBinary(packet).replaceAll("\0", "");
  return !text.replace(/<\?[^]*?\?>|<\/?\w+:(xmp|xap)meta[^>]*>|\s|[\xef\xbb\xbf\xfe\xff]/g, "");
}

// As binary text in UTF-8, well-formed. Undefined where it cannot be. Packets have no doctype, and its
// entities could be a bomb.
function readable(packet) {
  const bytes = inUtf8(packet);
  const text = bytes && toBinary(bytes).replace(/(?!^)<\?xml\s[^]*?\?>/g, ""); // but at the beginning
  if (!text || text.includes("<!DOCTYPE")) return undefined;
  if (isXml(text)) return text;
  const better = repaired(text);
  return isXml(better) ? better : undefined;
}

// What stands around the root is no part of it: marks of the packet, padding, zeros.
function isXml(text) {
  const [root] = text.match(/<((?:[\w.-]+:)?(?:xmpmeta|xapmeta|RDF))[\s>][^]*<\/\1\s*>/) ?? [text];
  const parsed = new DOMParser().parseFromString(decode(fromBinary(root)), "application/xml");
  return !parsed.getElementsByTagName("parsererror").length;
}

// Control characters mean nothing, "&" is meant as one, and a prefix as what all use it for.
function repaired(text) {
  const plain = text
    .replace(
      /[\0-\x08\x0b\x0c\x0e-\x1f]|&#(0*([0-8]|1[124-9]|2\d|3[01])|x0*([0-8bcef]|1[\da-f]));/gi,
      " ",
    )
    .replace(/&(?!(amp|lt|gt|quot|apos|#\d+|#x[\da-f]+);)/gi, "&amp;");
  const [first] = elementsOf(plain);
  if (!first) return plain;
  const place = first.start + 1 + first.name.length;
  return applied([[place, place, declarations(undeclared(plain))]], plain);
}

function declarations(prefixes) {
  return prefixes.map((one) => ` xmlns:${one}="${SPACES[one] ?? `urn:prefix:${one}`}"`).join("");
}

// The old ones, and a description that had nothing else.
function removals(description, elements) {
  const children = elements.filter(({ parent }) => parent === description);
  const { attributes } = description;
  const old = [...attributes, ...children].filter(isReplaced);
  const isAll =
    children.every(isReplaced) && attributes.every((one) => isReplaced(one) || isFrame(one));
  if (old.length && isAll) return [[description.start, description.end, ""]];
  return old.map(({ start, end }) => [start, end, ""]);
}

const is = (one, space, local) => one.space === space && one.local === local;
const isReplaced = (one) => REPLACED.some(([space, local]) => is(one, space, local));
const isAbout = ({ space, local }) => local === "about" && (space === RDF || !space);
const isFrame = (attribute) => isAbout(attribute) || /^xmlns\b/.test(attribute.name);

// All of a packet is about the same photo, however it is called; mostly it is not.
function aboutOf(descriptions) {
  return descriptions.flatMap(({ attributes }) => attributes).find(isAbout)?.value ?? '""';
}

function addition({ name, inner, close }, description) {
  const text = toBinary(encode(description));
  return inner === undefined ? [close, close + 2, `>${text}</${name}>`] : [close, close, text];
}

function applied(edits, text) {
  return edits
    .sort(([one], [other]) => other - one) // from the end, so that places stay
    .reduce((edited, [from, to, by]) => edited.slice(0, from) + by + edited.slice(to), text);
}

// What has come is taken from the room that packets have for it.
function padded(text, before) {
  const end = text.lastIndexOf(END);
  const spaces = text.slice(text.lastIndexOf(">", end) + 1, Math.max(end, 0));
  const fewer = Math.min(text.length - before, spaces.length - 1);
  if (end < 0 || fewer <= 0 || spaces.trim()) return text;
  return text.slice(0, end - fewer) + text.slice(end);
}

// Whatever the packet's prefixes are for, these are its own.
function descriptionOf(texts, about = '""') {
  const alternatives = [
    { tag: "x-default", text: texts[0].text },
    ...texts.map(({ language, text }) => ({ tag: htmlLang(language), text })),
  ];
  const items = alternatives.map(
    ({ tag, text }) => `<rdf:li xml:lang="${tag}">${escaped(text)}</rdf:li>`,
  );
  const list = `<rdf:Alt>${items.join("")}</rdf:Alt>`;
  return (
    `<rdf:Description rdf:about=${about}${declarations(["rdf", "dc", "Iptc4xmpCore"])}>` +
    PROPERTIES.map((name) => `<${name}>${list}</${name}>`).join("") +
    "</rdf:Description>"
  );
}

function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
