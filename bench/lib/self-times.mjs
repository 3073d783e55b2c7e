/** Self time by function, from a .cpuprofile. */

/** `{ where, share }` per function, largest first; `share` of the time that the process was not idle. */
export function selfTimes({ nodes, samples, timeDeltas }) {
  const labels = new Map(nodes.map(({ id, callFrame }) => [id, labelOf(callFrame)]));
  const times = new Map();
  let total = 0;
  for (const [i, id] of samples.entries()) {
    const where = labels.get(id);
    if (where === "(idle)") continue;
    times.set(where, (times.get(where) ?? 0) + timeDeltas[i]);
    total += timeDeltas[i];
  }
  return [...times].map(([where, time]) => ({ where, share: time / total })).sort((a, b) => b.share - a.share);
}

function labelOf({ functionName, url, lineNumber }) {
  const name = functionName || "(anonymous)";
  const file = url.split("/").at(-1);
  return file === "" ? name : `${name} ${file}:${lineNumber + 1}`;
}
