// Lines over time, drawn as SVG.

import { html, useId, useState } from "./html.js";
import { ceiling } from "./ceiling.js";
import { measure } from "./format.js";

const WIDTH = 480;
const HEIGHT = 150;
const MARGIN = { left: 58, right: 8, top: 10, bottom: 20 };

/** `series`: `{ name, points: [{ at, value }] }`, at most 4; `from` and `until` in milliseconds. */
export function Chart({ title, unit, series, from, until }) {
  const [under, setUnder] = useState(null);
  const id = useId();
  const values = series.flatMap(({ points }) => points.map(({ value }) => value)).filter((value) => value !== null);
  const top = ceiling(Math.max(0, ...values), unit);
  const x = (at) => MARGIN.left + ((at - from) / (until - from)) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (value) => HEIGHT - MARGIN.bottom - (value / top) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const last = series.map(({ name, points }) => ({ name, value: points.at(-1)?.value ?? null }));
  const said = last.map(({ name, value }) => `${name} ${measure(value, unit)}`).join(", ");
  const look = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const at = from + (((event.clientX - box.left) / box.width) * WIDTH - MARGIN.left) / (WIDTH - MARGIN.left - MARGIN.right) * (until - from);
    const times = series.flatMap(({ points }) => points.map((point) => point.at));
    setUnder(times.length ? times.reduce((best, time) => (Math.abs(time - at) < Math.abs(best - at) ? time : best)) : null);
  };
  const shown = under === null ? last : series.map(({ name, points }) => ({ name, value: points.find(({ at }) => at === under)?.value ?? null }));
  return html`
    <figure class="chart card">
      <figcaption id=${id}>${title}</figcaption>
      <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label=${`${title}, now: ${said}`} onPointerMove=${look} onPointerLeave=${() => setUnder(null)}>
        ${[0, 0.5, 1].map((share) => html`
          <line key=${share} class="grid" x1=${MARGIN.left} x2=${WIDTH - MARGIN.right} y1=${y(top * share)} y2=${y(top * share)} />
          <text class="axis" x=${MARGIN.left - 6} y=${y(top * share) + 4} text-anchor="end">${measure(top * share, unit)}</text>`)}
        <text class="axis" x=${MARGIN.left} y=${HEIGHT - 5}>${timeAgo(until - from)}</text>
        <text class="axis" x=${WIDTH - MARGIN.right} y=${HEIGHT - 5} text-anchor="end">now</text>
        ${series.map(({ name, points }, index) => html`<path key=${name} class=${`line line-${index}`} d=${lineOf(points, x, y)} />`)}
        ${under !== null && html`<line class="cursor" x1=${x(under)} x2=${x(under)} y1=${MARGIN.top} y2=${HEIGHT - MARGIN.bottom} />`}
      </svg>
      <ul class="legend" aria-hidden="true">
        ${shown.map(({ name, value }, index) => html`<li key=${name}><span class=${`swatch line-${index}`}></span>${name} <b>${measure(value, unit)}</b></li>`)}
      </ul>
    </figure>`;
}

const timeAgo = (ms) => (ms < 120_000 ? `${Math.round(ms / 1000)} s ago` : `${Math.round(ms / 60_000)} min ago`);

/** Where there was no value the line is broken. */
function lineOf(points, x, y) {
  let text = "";
  let isOn = false;
  for (const { at, value } of points) {
    if (value !== null) text += `${isOn ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    isOn = value !== null;
  }
  return text;
}
