// How sure the model was, in words that people understand. As app/captioning/sureness.py has it.

import { find } from "./dom.js";

/** "sure", "unsure" or "guess". */
export function sureness({ language, text, probability }) {
  const units = language === "zh" ? [...text].length : text.split(" ").length + 1;
  const mean = probability ** (1 / units);
  const { sure, unsure } = find(`caption-${language}`).dataset;
  return mean >= sure ? "sure" : mean >= unsure ? "unsure" : "guess";
}

export function percent(probability) {
  if (probability < 0.000001) return "<0.0001%";
  const percentage = 100 * probability;
  return `${percentage >= 10 ? percentage.toFixed(0) : Number(percentage.toPrecision(2))}%`;
}
