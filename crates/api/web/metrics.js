// What the server tells about itself, as an operator looks at it.

import { html, useEffect, useRef, useState } from "./html.js";
import * as api from "./api.js";
import { measure, moment, number } from "./format.js";
import { announce, needsToken, sentence } from "./state.js";
import { Heading } from "./parts.js";
import { Chart } from "./chart.js";
import { parse, quantile, rate, sum } from "./prometheus.js";
import { Icon } from "./icons.js";

const EVERY_MS = 2000;
/** Readings that lie further apart are not joined by a line. */
const GAP_MS = 10_000;
const SPAN_MS = 5 * 60_000;
const SPAN_MIN_MS = 60_000;

const TOTAL = "feedme_http_requests_total";
const TOOK = "feedme_http_request_duration_seconds";
/** Streams last as long as they are listened to; that is not how long an answer takes. */
const answers = { route: /^(?!.*\/live$)/ };

const grows = (name, wanted) => (before, after, seconds) => rate(before, after, seconds, name, wanted);
const stands = (name, wanted) => (_, after) => sum(after, name, wanted);
const takes = (share, name, wanted) => (before, after) => quantile(share, before, after, name, wanted);

const CHARTS = [
  { title: "Requests", unit: "per second", lines: [["reads", grows(TOTAL, { method: /^(GET|HEAD)$/ })], ["writes", grows(TOTAL, { method: /^(POST|PUT|PATCH|DELETE)$/ })]] },
  { title: "Time to answer", unit: "seconds", lines: [["median", takes(0.5, TOOK, answers)], ["p99", takes(0.99, TOOK, answers)]] },
  { title: "Answers that are errors", unit: "per second", lines: [["4xx", grows(TOTAL, { status: "4xx" })], ["5xx", grows(TOTAL, { status: "5xx" })], ["limited", grows("feedme_requests_limited_total")], ["turned away", grows("feedme_requests_shed_total")]] },
  { title: "Under way", unit: "count", lines: [["requests", stands("feedme_http_requests_in_flight")], ["wait to read", stands("feedme_store_waiting", { line: "read" })], ["wait to write", stands("feedme_store_waiting", { line: "write" })]] },
  { title: "Wait for the database, p99", unit: "seconds", lines: [["to read", takes(0.99, "feedme_store_wait_seconds", { line: "read" })], ["to write", takes(0.99, "feedme_store_wait_seconds", { line: "write" })]] },
  { title: "Pages of feeds", unit: "per second", lines: [["from memory", grows("feedme_index_pages_total", { from: "memory" })], ["from the database", grows("feedme_index_pages_total", { from: "sql" })], ["as they were kept", grows("feedme_page_cache_hits_total")]] },
  { title: "Memory", unit: "bytes", lines: [["process", stands("process_resident_memory_bytes")], ["index", stands("feedme_index_bytes")], ["bodies", stands("feedme_body_cache_bytes")], ["pages", stands("feedme_page_cache_bytes")]] },
  { title: "Processor", unit: "share", lines: [["of one core", grows("process_cpu_seconds_total")]] },
];

const FACTS = [
  ["Activities in the index", (now) => numberOrNone(sum(now, "feedme_index_activities"))],
  ["Follows in the index", (now) => numberOrNone(sum(now, "feedme_index_follows"))],
  ["Position of the log", (now) => numberOrNone(sum(now, "feedme_event_position"))],
  ["Differences found between index and database", (now) => numberOrNone(sum(now, "feedme_index_differences_total"))],
  ["Connections to the database in use", (now) => `${numberOrNone(sum(now, "feedme_store_connections_in_use"))} of ${numberOrNone(sum(now, "feedme_store_connections"))}`],
  ["Running since", (now) => { const at = sum(now, "process_start_time_seconds"); return at === null ? "–" : moment(at * 1000); }],
  ["Version", (now) => now.get("feedme_build_info")?.[0]?.labels.version ?? "–"],
];
const numberOrNone = (value) => (value === null ? "–" : number(value));

/** Reads the metrics again and again, while the view is open, seen and not paused. */
function useReadings(isPaused) {
  const kept = useRef({ began: Date.now(), last: null, points: CHARTS.map(({ lines }) => lines.map(() => [])) });
  const [shown, setShown] = useState({ now: null, at: Date.now(), problem: null });
  useEffect(() => {
    if (isPaused) return undefined;
    let isAsking = false;
    const read = async () => {
      if (document.hidden || isAsking) return;
      isAsking = true;
      try {
        const now = parse(await api.metricsText());
        const at = Date.now();
        const { last, points } = kept.current;
        // Two answers that come together, after one was late, tell no rate.
        if (last && at - last.at < EVERY_MS / 2) return;
        if (last) {
          CHARTS.forEach(({ lines }, chart) => lines.forEach(([, value], line) => {
            const all = points[chart][line];
            // Of the time in which nobody looked nothing is known.
            if (at - last.at > GAP_MS) all.push({ at: at - 1, value: null });
            all.push({ at, value: value(last.now, now, (at - last.at) / 1000) });
            while (all[0].at < at - SPAN_MS) all.shift();
          }));
        }
        kept.current.last = { now, at };
        setShown({ now, at, problem: null });
      } catch (problem) {
        if (problem.status === 401) needsToken.value = true;
        setShown((before) => ({ ...before, problem }));
      } finally {
        isAsking = false;
      }
    };
    read();
    const timer = setInterval(read, EVERY_MS);
    return () => clearInterval(timer);
  }, [isPaused]);
  const span = Math.min(Math.max(shown.at - kept.current.began, SPAN_MIN_MS), SPAN_MS);
  return { ...shown, from: shown.at - span, points: kept.current.points };
}

const WHY = {
  403: "Metrics are for operators: this needs a key with the scope admin.",
  404: "Metrics are told on another address here (metrics.listen).",
};

export function MetricsView() {
  const [isPaused, setPaused] = useState(false);
  const { now, from, at, problem, points } = useReadings(isPaused);
  const pause = () => {
    setPaused(!isPaused);
    announce(isPaused ? "The charts go on." : "The charts stand still.");
  };
  return html`
    <div class="head">
      <${Heading}>Metrics<//>
      <button type="button" onClick=${pause}><${Icon} name=${isPaused ? "play" : "pause"} />${isPaused ? "Go on" : "Pause"}</button>
    </div>
    <div role="alert">${problem && html`<p class="problem">${WHY[problem.status] ?? sentence(problem.message)}</p>`}</div>
    ${now && html`
      <div class="charts">
        ${CHARTS.map(({ title, unit, lines }, chart) => html`
          <${Chart} key=${title} title=${title} unit=${unit} from=${from} until=${at}
            series=${lines.map(([name], line) => ({ name, points: points[chart][line] }))} />`)}
      </div>
      <section class="card facts" aria-label="Now">
        <h2>Now</h2>
        <dl>${FACTS.map(([label, value]) => html`<div key=${label}><dt>${label}</dt><dd>${value(now)}</dd></div>`)}</dl>
      </section>
      <details class="card">
        <summary>The charts as a table</summary>
        <table>
          <caption class="hidden">The last value of each line</caption>
          <thead><tr><th scope="col">What</th><th scope="col">Now</th></tr></thead>
          <tbody>${CHARTS.flatMap(({ title, unit, lines }, chart) => lines.map(([name], line) => html`
            <tr key=${`${title}/${name}`}><th scope="row">${title}: ${name}</th><td>${measure(points[chart][line].at(-1)?.value ?? null, unit)}</td></tr>`))}</tbody>
        </table>
      </details>`}`;
}
