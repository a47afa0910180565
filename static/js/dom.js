// The page's elements and texts. Every text comes from the page, in its language.

export const find = (id) => document.getElementById(id);

/** By name, as the form's data- attributes have them. */
export const texts = find("form").dataset;

/** A copy of what is in a <template>. */
export const copyOf = (id) => find(id).content.firstElementChild.cloneNode(true);

/** "{done} of {all}" with its names replaced. */
export function say(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

const PAGE_LANGUAGE = document.documentElement.lang.slice(0, 2);

/** How to write dates: as the reader does, if that is in the page's language. */
export const locale = navigator.language.startsWith(PAGE_LANGUAGE)
  ? navigator.language
  : document.documentElement.lang;

/** That in the language of the page, which the person reads for sure. */
export function mainCaption(captions) {
  return captions.find(({ language }) => language === PAGE_LANGUAGE) ?? captions[0];
}

/** The same captions, that one first: programs that show but one of them show the first. */
export function mainFirst(captions) {
  const main = mainCaption(captions);
  return [main, ...captions.filter((caption) => caption !== main)];
}

/** Every photo's own, also in the browser's memory of earlier ones. */
export function newId() {
  // Not crypto.randomUUID(), which a home server without https does not have.
  return `${Date.now()}-${Math.random().toString(36).slice(2)}`;
}
