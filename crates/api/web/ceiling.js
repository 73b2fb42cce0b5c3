// Where the axis of a chart ends.

const STEPS = [1, 2, 2.5, 5, 10];

/** A round number that is not below `value`. */
export function ceiling(value, unit) {
  if (!(value > 0)) return 1;
  if (unit === "bytes") return 2 ** Math.ceil(Math.log2(value));
  const power = 10 ** Math.floor(Math.log10(value));
  return power * STEPS.find((step) => value <= power * step * 1.000001);
}
