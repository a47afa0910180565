// How HTML and XML name the languages of captions. Loads without the page, unlike dom.js.

export const htmlLang = (language) => (language === "zh" ? "zh-Hans" : language);
