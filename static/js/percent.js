// A probability as people read it.

export function percent(probability) {
  if (probability < 0.000001) return "<0.0001%";
  const percentage = 100 * probability;
  return `${percentage >= 10 ? percentage.toFixed(0) : Number(percentage.toPrecision(2))}%`;
}
