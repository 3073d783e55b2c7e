/** Medians, quantiles, and how figures are printed. */

/** The middle value; what is not a finite number is left out. `NaN` when nothing is left. */
export function median(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (sorted.length === 0) return Number.NaN;
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** `sorted` ascending; `q` from 0 to 1. */
export function quantile(sorted, q) {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}

/** Three significant digits or whole thousands, `–` for what was not measured. */
export function figure(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en-US");
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  if (size >= 0.1 || size === 0) return value.toFixed(2);
  return value.toPrecision(2);
}

/** `low–high`, or nothing when there is only one value. */
export function range(values) {
  const finite = values.filter(Number.isFinite);
  return finite.length > 1 ? `${figure(Math.min(...finite))}–${figure(Math.max(...finite))}` : "";
}

/** A Markdown table: the first column to the left, figures to the right. */
export function table(head, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const rule = `|${head.map((_, column) => (column === 0 ? "---|" : "---:|")).join("")}`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

/** A copy in random order. */
export function shuffle(items) {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [out[i], out[j]] = [out[j], out[i]];
  }
  return out;
}
