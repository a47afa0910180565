// Reads captions aloud, with a voice of this device alone: others send the text to their maker.

const speech = globalThis.speechSynthesis;

/** BCP 47 tags as they begin, the best first. zh-HK is Cantonese, and reads Mandarin as that. */
const WANTED = {
  en: [...navigator.languages.filter((tag) => tag.startsWith("en-")), "en"],
  zh: ["zh-cn", "cmn-hans", "zh-hans", "cmn", "zh-sg", "zh-tw", "zh"],
};

let finish = () => {}; // of what is read now

voices(); // some browsers begin to look for voices when first asked

/** False also while the browser still looks for its voices: see whenVoicesChange. */
export function canSpeak(language) {
  return voice(language) !== undefined;
}

/** Calls `callback` whenever canSpeak may have changed its mind. */
export function whenVoicesChange(callback) {
  speech?.addEventListener?.("voiceschanged", callback);
}

/** Resolved when all is read, or when something stopped it. */
export function speak(text, language) {
  stop();
  const chosen = voice(language);
  if (!chosen) return Promise.resolve();
  const utterance = new SpeechSynthesisUtterance(text);
  utterance.voice = chosen;
  utterance.lang = chosen.lang;
  return new Promise((resolve) => {
    finish = resolve;
    utterance.onend = utterance.onerror = resolve;
    speech.speak(utterance);
  });
}

export function stop() {
  speech?.cancel();
  finish(); // not every browser tells the utterance
}

function voice(language) {
  const own = voices().filter((one) => one.localService && one.lang);
  for (const wanted of WANTED[language]) {
    const fitting = own.filter((one) => tag(one).startsWith(wanted.toLowerCase()));
    if (fitting.length) return fitting.find((one) => one.default) ?? fitting[0];
  }
  return undefined;
}

// None where asking fails: a caption can be read without them.
function voices() {
  try {
    return speech?.getVoices() ?? [];
  } catch {
    return [];
  }
}

// Android writes zh_CN.
const tag = ({ lang }) => lang.replaceAll("_", "-").toLowerCase();
