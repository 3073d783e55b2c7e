/**
 * The inspector's page: one text, nothing to build and nothing to fetch. What nodes say is only ever set as text, never as
 * HTML. Dark or light as the browser likes it.
 */
const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#ddd, #333); --dim: light-dark(#666, #999); --bg: light-dark(#fff, #161618);
  --panel: light-dark(#f6f6f7, #1f1f22); --good: light-dark(#12803c, #4cc38a); --warn: light-dark(#a05a00, #f0a840); --bad: light-dark(#c62828, #ff6b6b); }
* { box-sizing: border-box; }
body { margin: 0; font: 14px/1.45 system-ui, sans-serif; background: var(--bg); }
header { display: flex; gap: 1.5rem; align-items: baseline; padding: .8rem 1.2rem; border-bottom: 1px solid var(--line); flex-wrap: wrap; }
h1 { font-size: 1.05rem; margin: 0; } h2 { font-size: .95rem; margin: 1.4rem 0 .4rem; } main { padding: 0 1.2rem 2rem; }
#live { margin-left: auto; color: var(--dim); } .problem { color: var(--bad); } .dim { color: var(--dim); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--dim); font-size: .8rem; } th, td { padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n, th.n { text-align: right; } tr.node { cursor: pointer; } tr.node:hover, tr.node:focus { background: var(--panel); outline: none; }
.state::before { content: "\\25CF\\00A0"; } .up, .ready { color: var(--good); } .silent, .waiting, .gone { color: var(--bad); } .asking, .dialing, .draining, .out { color: var(--warn); }
tr.detail > td { background: var(--panel); padding: .6rem 1rem 1rem; } .detail table { margin-bottom: .6rem; } code { font-family: ui-monospace, monospace; }
`;

const SCRIPT = `
const token = new URLSearchParams(location.search).get("token");
const open = new Set();
let last;
const el = (tag, props = {}, ...children) => { const node = Object.assign(document.createElement(tag), props); node.append(...children.map((c) => c ?? "")); return node; };
const num = (value, digits = 0) => value === undefined || value === null ? "-" : value.toLocaleString("en", { maximumFractionDigits: digits });
const ms = (value) => value === undefined || value === null ? "-" : num(value, value < 10 ? 2 : value < 100 ? 1 : 0) + " ms";
const bytes = (value) => { if (value === undefined || value === null) return "-"; let unit = 0; while (value >= 1024 && unit < 4) { value /= 1024; unit++; } return num(value, unit && value < 10 ? 1 : 0) + " " + ["B", "KiB", "MiB", "GiB", "TiB"][unit]; };
const ago = (millis) => { const s = Math.floor(millis / 1000); return s < 60 ? s + " s" : s < 3600 ? Math.floor(s / 60) + " min" : s < 86400 ? Math.floor(s / 3600) + " h" : Math.floor(s / 86400) + " d"; };
const row = (cells, props) => el("tr", props, ...cells.map(([text, cls = "", title = ""]) => el("td", { className: cls, title }, text instanceof Node ? text : String(text))));
const table = (titles, rows, id) => { const t = el("table", { id: id ?? "" }); t.append(el("thead", {}, el("tr", {}, ...titles.map(([text, cls = ""]) => el("th", { className: cls }, text)))), el("tbody", {}, ...rows)); return t; };
const WORDS = { up: "up", silent: "does not answer", asking: "asking", gone: "gone" };

function nodeRows(node) {
  const r = node.report;
  const toggle = () => { open.has(node.address) ? open.delete(node.address) : open.add(node.address); show(last); };
  const line = row([
    [el("code", {}, node.address)], [el("span", { className: "state " + node.state, title: node.problem ?? "" }, WORDS[node.state] + " " + ago(node.sinceMs))],
    [node.available ? "in service" : "out of service", node.available ? "" : "out"], [node.endpoint], [node.version ?? "-"], [num(node.load, 2), "n"],
    [num(node.requestsPerSecond), "n"], [num(r?.handlersRunning), "n"], [num(r?.callsInFlight), "n"], [node.links.filter((l) => l.phase === "ready").length + " / " + node.links.length, "n"],
    [r ? ago(r.uptimeMs) : "-", "n"],
  ], { className: "node", tabIndex: 0 });
  line.dataset.address = node.address;
  line.dataset.state = node.state;
  line.onclick = toggle;
  line.onkeydown = (event) => { if (event.key === "Enter") toggle(); };
  return open.has(node.address) ? [line, el("tr", { className: "detail" }, el("td", { colSpan: 11 }, detail(node)))] : [line];
}

function detail(node) {
  const box = el("div");
  if (node.problem) box.append(el("p", { className: "problem" }, node.problem));
  const facts = Object.entries(node.metadata).map(([k, v]) => k + "=" + v).concat(node.exported ? ["exported"] : []);
  if (facts.length) box.append(el("p", { className: "dim" }, facts.join("  ")));
  if (node.links.length) box.append(table([["Link to"], ["State"], ["Round trip", "n"], ["Waiting", "n"], ["Unread", "n"], ["In/s", "n"], ["Out/s", "n"], ["In", "n"], ["Out", "n"], ["Last error"]],
    node.links.map((l) => row([[el("code", {}, l.peer)], [el("span", { className: "state " + l.phase }, l.phase)], [ms(l.rttMs), "n"], [num(l.queuedMessages) + (l.queuedBytes ? " (" + bytes(l.queuedBytes) + ")" : ""), "n"],
      [bytes(l.bufferedBytes), "n"], [num(l.messagesInPerSecond), "n"], [num(l.messagesOutPerSecond), "n"], [l.bytesInPerSecond === undefined ? "-" : bytes(l.bytesInPerSecond) + "/s", "n"], [l.bytesOutPerSecond === undefined ? "-" : bytes(l.bytesOutPerSecond) + "/s", "n"], [l.lastError ?? "", "problem"]]))));
  else box.append(el("p", { className: "dim" }, "no links"));
  const calls = node.report?.oldestCalls ?? [];
  if (calls.length) box.append(table([["Call in flight"], ["To"], ["Age", "n"], ["Left", "n"]], calls.map((c) => row([[c.method], [el("code", {}, c.peer)], [ms(c.ageMs), "n"], [ms(c.remainingMs), "n"]]))));
  for (const [title, counts] of [["Refused connections", node.report?.refusals], ["Limits met", node.report?.limitHits]]) {
    const entries = Object.entries(counts ?? {}).filter(([, n]) => n > 0);
    if (entries.length) box.append(el("p", {}, title + ": " + entries.map(([k, n]) => k + " " + num(n)).join(", ")));
  }
  return box;
}

function show(view) {
  last = view;
  const main = document.querySelector("main");
  const focused = document.activeElement?.dataset?.address;
  const parts = [];
  const count = (state) => view.nodes.filter((n) => n.state === state).length;
  const sum = document.querySelector("#summary");
  sum.textContent = count("up") + " up" + ["silent", "gone"].map((s) => count(s) ? ", " + count(s) + " " + WORDS[s] : "").join("");
  const problem = document.querySelector("#problem");
  problem.textContent = view.discoveryProblem ?? "";
  const groups = Map.groupBy ? Map.groupBy(view.nodes, (n) => n.group + "." + n.type) : view.nodes.reduce((m, n) => m.set(n.group + "." + n.type, [...(m.get(n.group + "." + n.type) ?? []), n]), new Map());
  for (const [key, nodes] of groups) {
    const [group, type] = key.split(".");
    parts.push(el("h2", {}, "Group " + group + ", type " + type + (type === "255" ? " (harbors)" : "")), table([["Node"], ["State"], ["Service"], ["Endpoint"], ["Version"], ["Load", "n"], ["Requests/s", "n"], ["Handlers", "n"], ["Calls", "n"], ["Links", "n"], ["Up for", "n"]], nodes.flatMap(nodeRows)));
  }
  if (view.nodes.length === 0) parts.push(el("p", { className: "dim" }, "Discovery knows no nodes."));
  parts.push(el("h2", {}, "Slowest methods"));
  if (view.slowest.length) parts.push(table([["Method"], ["Node"], ["Side"], ["Count", "n"], ["Failed", "n"], ["Median", "n"], ["99 %", "n"], ["Slowest", "n"]],
    view.slowest.map((m) => row([[m.method], [el("code", {}, m.node)], [m.side], [num(m.count), "n"], [num(m.failed), "n" + (m.failed ? " problem" : "")], [ms(m.p50Ms), "n"], [ms(m.p99Ms), "n"], [ms(m.maxMs), "n"]])), "slowest"));
  else parts.push(el("p", { className: "dim" }, "Nothing was called since somebody looks."));
  main.replaceChildren(...parts);
  if (focused) main.querySelector('[data-address="' + focused + '"]')?.focus();
}

const live = document.querySelector("#live");
const source = new EventSource("/events" + (token ? "?token=" + encodeURIComponent(token) : ""));
source.onopen = () => { live.textContent = "live"; live.className = ""; };
source.onerror = () => { live.textContent = "the inspector does not answer; what is shown is old"; live.className = "problem"; };
source.onmessage = (event) => show(JSON.parse(event.data));
`;

export const PAGE = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>clusterts inspector</title><style>${STYLE}</style></head>
<body>
<header><h1>clusterts</h1><span id="summary"></span><span id="problem" class="problem"></span><span id="live">connecting</span></header>
<main><p class="dim">Asking discovery.</p></main>
<script>${SCRIPT}</script>
</body>
</html>
`;
