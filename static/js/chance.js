// How sure the model was, in words that people understand. As app/captioning/sureness.py has it.

import { find } from "./dom.js";

/** "sure", "unsure" or "guess". Models that point at what they name, and so give slots, are less sure. */
export function sureness({ language, text, probability, slots }) {
  const units = language === "zh" ? [...text].length : text.split(" ").length + 1;
  const mean = probability ** (1 / units);
  const steps = find(`caption-${language}`).dataset;
  const [sure, unsure] = slots
    ? [steps.pointingSure, steps.pointingUnsure]
    : [steps.sure, steps.unsure];
  return mean >= sure ? "sure" : mean >= unsure ? "unsure" : "guess";
}

export function percent(probability) {
  if (probability < 0.000001) return "<0.0001%";
  const percentage = 100 * probability;
  return `${percentage >= 10 ? percentage.toFixed(0) : Number(percentage.toPrecision(2))}%`;
}
