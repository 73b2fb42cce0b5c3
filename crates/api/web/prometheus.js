// Prometheus' text form, and what can be said of two readings of it.

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;
const ESCAPES = { n: "\n", "\\": "\\", '"': '"' };

function numberOf(text) {
  if (text === "+Inf") return Infinity;
  if (text === "-Inf") return -Infinity;
  return Number(text);
}

/** The samples of a reading: by name, each with its labels and value. */
export function parse(text) {
  const families = new Map();
  for (const line of text.split("\n")) {
    const found = line.startsWith("#") ? null : LINE.exec(line.trim());
    if (!found) continue;
    const [, name, labelText = "", value] = found;
    const labels = {};
    for (const [, label, raw] of labelText.matchAll(LABEL)) labels[label] = raw.replace(/\\(.)/g, (_, char) => ESCAPES[char] ?? char);
    if (!families.has(name)) families.set(name, []);
    families.get(name).push({ labels, value: numberOf(value) });
  }
  return families;
}

const fits = (labels, wanted) => Object.entries(wanted).every(([name, value]) => (value instanceof RegExp ? value.test(labels[name]) : labels[name] === value));

/** The sum of all samples of a name whose labels fit; null where there is none. */
export function sum(families, name, wanted = {}) {
  const samples = (families.get(name) ?? []).filter(({ labels }) => fits(labels, wanted));
  return samples.length ? samples.reduce((total, { value }) => total + value, 0) : null;
}

/** How much a counter grew by second. A counter that went back began anew: the server was started again. */
export function rate(before, after, seconds, name, wanted) {
  if (!after.has(name) || !(seconds > 0)) return null;
  // A sample comes into being with the first thing that it counts.
  const now = sum(after, name, wanted) ?? 0;
  const then = sum(before, name, wanted) ?? 0;
  return Math.max(now < then ? now : now - then, 0) / seconds;
}

function buckets(families, name, wanted) {
  const counts = new Map();
  for (const { labels, value } of families.get(`${name}_bucket`) ?? []) {
    if (!fits(labels, wanted)) continue;
    const bound = numberOf(labels.le);
    counts.set(bound, (counts.get(bound) ?? 0) + value);
  }
  return counts;
}

/** A quantile of what a histogram took in between two readings, between bounds in a straight line, as Prometheus does. */
export function quantile(share, before, after, name, wanted = {}) {
  const then = buckets(before, name, wanted);
  const steps = [...buckets(after, name, wanted)].sort(([one], [other]) => one - other);
  const grown = steps.map(([bound, count]) => [bound, count < (then.get(bound) ?? 0) ? count : count - (then.get(bound) ?? 0)]);
  const total = grown.at(-1)?.[1] ?? 0;
  if (total === 0) return null;
  const rank = share * total;
  let lower = 0;
  let below = 0;
  for (const [bound, count] of grown) {
    if (count >= rank) {
      if (bound === Infinity) return lower;
      return lower + (bound - lower) * ((rank - below) / Math.max(count - below, 1));
    }
    [lower, below] = [bound, count];
  }
  return lower;
}
