/** results.md: one section per command. Running a command again replaces its section, another command adds one. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const TITLE = `# Results

Written by \`node run.mjs --markdown results.md\`, one section per command. Ratios (× floor) are medians over the rounds of
contender / floor in the same round; compare those. Absolute figures belong to the machine and the moment.
`;

/** `run`: `{ command, machine, parameters }`; `body`: its tables. */
export function writeSection(file, run, body) {
  const old = existsSync(file) ? readFileSync(file, "utf8") : TITLE;
  const [preamble, ...sections] = old.split(/^(?=## )/m);
  const heading = `## \`${run.command}\`\n`;
  const section = `${heading}\n${describe(run)}\n\n${body.trim()}\n`;
  const at = sections.findIndex((text) => text.startsWith(heading));
  if (at < 0) sections.push(section);
  else sections[at] = section;
  writeFileSync(file, [preamble, ...sections].map((text) => `${text.trim()}\n`).join("\n"));
}

function describe({ machine, parameters }) {
  const { rounds, seconds, warmup } = parameters;
  return [
    `- Machine: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}; load when it began ${machine.load}`,
    `- Node.js ${machine.node}, commit ${machine.commit}, ${machine.date} UTC`,
    `- ${rounds} ${rounds === 1 ? "round" : "rounds"}, ${seconds} s each after ${warmup} s of warm-up`,
  ].join("\n");
}
