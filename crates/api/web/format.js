// How values are told to people.

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
const exact = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });
const day = new Intl.DateTimeFormat("en", { dateStyle: "medium" });
const whole = new Intl.NumberFormat("en");
const STEPS = [["minute", 60], ["hour", 3600], ["day", 86_400], ["week", 604_800]];

/** "2 hr. ago"; a date where that is longer ago than a month. */
export function ago(time, now = Date.now()) {
  const seconds = (Date.parse(time) - now) / 1000;
  if (Math.abs(seconds) < 45) return "just now";
  if (30 * 86_400 < Math.abs(seconds)) return day.format(new Date(time));
  const [unit, length] = STEPS.findLast(([, length]) => length <= Math.abs(seconds)) ?? STEPS[0];
  return relative.format(Math.round(seconds / length), unit);
}

export const moment = (time) => exact.format(new Date(time));
export const number = (value) => whole.format(value);
export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/** The names of a list, "a, b and 3 others". */
export function andOthers(count, shown) {
  const left = count - shown;
  return left > 0 ? `and ${plural(left, "other")}` : "";
}

/** One of 8 colours for a name, always the same one. */
export function hueOf(name) {
  let hash = 2_166_136_261;
  for (const char of name) hash = Math.imul(hash ^ char.codePointAt(0), 16_777_619);
  return (hash >>> 0) % 8;
}

/** The letters that stand for a name. */
export function initials(name) {
  const parts = name.split(/[\s\-_.]+/).filter(Boolean);
  const letters = parts.length > 1 ? [parts[0], parts.at(-1)] : [name];
  return letters.map((part) => [...part][0] ?? "").join("").toUpperCase();
}

const BYTES = ["B", "KiB", "MiB", "GiB", "TiB"];

/** A number with the unit of a chart. */
export function measure(value, unit) {
  if (value === null || !Number.isFinite(value)) return "–";
  if (unit === "seconds") {
    if (value === 0) return "0 ms";
    if (value < 0.001) return `${short(value * 1e6)} µs`;
    return value < 1 ? `${short(value * 1000)} ms` : `${short(value)} s`;
  }
  if (unit === "bytes") {
    const power = value < 1 ? 0 : Math.min(Math.floor(Math.log2(value) / 10), BYTES.length - 1);
    return `${short(value / 1024 ** power)} ${BYTES[power]}`;
  }
  if (unit === "share") return `${short(value * 100)} %`;
  return unit === "per second" ? `${short(value)}/s` : short(value);
}

function short(value) {
  const digits = Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0;
  return whole.format(Number(value.toFixed(digits)));
}
