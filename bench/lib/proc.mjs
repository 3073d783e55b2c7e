/** Readings of other processes, from /proc (Linux). */
import { readFileSync } from "node:fs";

const TICKS_PER_SECOND = 100;

/** CPU seconds of all threads so far, in steps of 10 ms; `{ user: 0, kernel: 0 }` for a process that has gone. */
export function cpuTimes(pid) {
  let stat;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ESRCH") return { user: 0, kernel: 0 };
    throw error;
  }
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { user: Number(fields[11]) / TICKS_PER_SECOND, kernel: Number(fields[12]) / TICKS_PER_SECOND };
}

/** User and kernel together. */
export function cpuSeconds(pid) {
  const { user, kernel } = cpuTimes(pid);
  return user + kernel;
}

export function rssBytes(pid) {
  return statusField(pid, "VmRSS") * 1024;
}

/** Voluntary and other switches of the main thread so far. */
export function contextSwitches(pid) {
  return statusField(pid, "voluntary_ctxt_switches") + statusField(pid, "nonvoluntary_ctxt_switches");
}

function statusField(pid, name) {
  const match = new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(readFileSync(`/proc/${pid}/status`, "latin1"));
  if (match === null) throw new Error(`/proc/${pid}/status has no ${name}`);
  return Number(match[1]);
}
