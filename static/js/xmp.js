// Captions in an XMP packet: RDF, written as XML.

import { decode, encode } from "./bytes.js";
import { htmlLang } from "./lang.js";

const RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
const DC = "http://purl.org/dc/elements/1.1/";
const IPTC = "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/";
const XML = "http://www.w3.org/XML/1998/namespace";

const EMPTY =
  '<x:xmpmeta xmlns:x="adobe:ns:meta/">' +
  `<rdf:RDF xmlns:rdf="${RDF}"><rdf:Description rdf:about=""/></rdf:RDF></x:xmpmeta>`;

const PROPERTIES = [
  [DC, "dc:description"],
  [IPTC, "Iptc4xmpCore:AltTextAccessibility"],
];

/** The packet (bytes, or undefined) with these texts ({language, text}), the first the default. */
export function withXmp(packet, texts) {
  const root = (packet && parse(packet)) ?? parse(encode(EMPTY));
  const descriptions = [...root.getElementsByTagNameNS(RDF, "Description")].filter(
    ({ parentNode }) => parentNode.namespaceURI === RDF && parentNode.localName === "RDF",
  );
  const alternatives = [
    { tag: "x-default", text: texts[0].text },
    ...texts.map(({ language, text }) => ({ tag: htmlLang(language), text })),
  ];
  for (const [namespace, name] of PROPERTIES) {
    descriptions.forEach((description) => drop(description, namespace, name.split(":")[1]));
    descriptions[0].append(property(root.ownerDocument, namespace, name, alternatives));
  }
  return encode(
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n' +
      new XMLSerializer().serializeToString(root) +
      '\n<?xpacket end="w"?>',
  );
}

// The root, or undefined where the packet is no RDF that could be kept. Packets have no doctype,
// and its entities could be a bomb.
function parse(packet) {
  const text = decode(packet);
  if (text.includes("<!DOCTYPE")) return undefined;
  const root = new DOMParser().parseFromString(text, "application/xml").documentElement;
  const found = root.getElementsByTagNameNS(RDF, "Description").length;
  return found && !root.getElementsByTagName("parsererror").length ? root : undefined;
}

function drop(description, namespace, name) {
  description.removeAttributeNS(namespace, name);
  [...description.children]
    .filter((child) => child.namespaceURI === namespace && child.localName === name)
    .forEach((child) => child.remove());
}

function property(document, namespace, name, alternatives) {
  const element = document.createElementNS(namespace, name);
  const list = element.appendChild(document.createElementNS(RDF, "rdf:Alt"));
  for (const { tag, text } of alternatives) {
    const item = list.appendChild(document.createElementNS(RDF, "rdf:li"));
    item.setAttributeNS(XML, "xml:lang", tag);
    item.textContent = text;
  }
  return element;
}
