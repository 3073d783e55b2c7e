/** The options of run.mjs: what they are, their defaults, and what is wrong with them. */
import { parseArgs } from "node:util";
import { CONTENDERS, missing, parseExternal } from "../contenders/index.mjs";
import { scenarioNames } from "../scenarios/index.mjs";
import { coresOf } from "./launch.mjs";

export const USAGE = `node run.mjs [options]

  --only a,b            these contenders; without it, all that are not optional
  --scenario A,B,C      these scenarios; B is B64 and B512; without it, all
  --rounds N            default 3, with --gates 5
  --seconds S           measured per contender, scenario and round; default 2
  --warmup S            before that; default 0.7
  --floor name          what ratios refer to; default floor-raw
  --pin split           servers on core 0, the client on core 1; halves: on half of the cores each; same: all on core 0;
                        or two cores or ranges, 2,3 or 0-3,4-7
  --idle N              streams in E3; default 10000
  --external name=/path/to/program[,relays=2]    a contender in any language; may be repeated
  --gates               what the project's gates need, and a verdict for each; pins to halves
  --json file           also writes the raw results; --from file prints such a file again
  --markdown file       also writes the tables there, as the section of this command
  --list                prints the contenders
`;

const OPTIONS = {
  only: { type: "string" },
  scenario: { type: "string" },
  rounds: { type: "string" },
  seconds: { type: "string" },
  warmup: { type: "string" },
  floor: { type: "string" },
  pin: { type: "string" },
  idle: { type: "string" },
  external: { type: "string", multiple: true },
  gates: { type: "boolean" },
  json: { type: "string" },
  from: { type: "string" },
  markdown: { type: "string" },
  list: { type: "boolean" },
  help: { type: "boolean", short: "h" },
};

/**
 * Figures are bimodal when the kernel chooses: a call takes 20 us with both ends on one core and 65 us across cores, and 64
 * in flight go twice as fast on one. So for the gates each end has half of the cores; where there are more than two, the
 * threads that a library brings have room.
 */
const GATE_PIN = "halves";

/** @throws Error that says what is wrong. */
export function parseCommandLine(argv) {
  const { values } = parseArgs({ args: argv, options: OPTIONS });
  const contenders = { ...CONTENDERS, ...Object.fromEntries((values.external ?? []).map(parseExternal)) };
  const leftOut = [];
  for (const [name, contender] of Object.entries(contenders)) {
    const why = missing(contender);
    if (why === undefined) continue;
    leftOut.push(`${name}: ${why}`);
    delete contenders[name];
  }
  const floor = values.floor ?? "floor-raw";
  if (!(floor in contenders)) throw new Error(`unknown contender ${floor}: see --list`);
  const pin = values.pin ?? (values.gates ? GATE_PIN : undefined);
  return {
    help: values.help ?? false,
    list: values.list ?? false,
    contenders,
    leftOut,
    only: values.only && contenderNames(values.only, contenders),
    scenarios: scenarioNames(values.scenario),
    rounds: positive("rounds", values.rounds, values.gates ? 5 : 3),
    seconds: positive("seconds", values.seconds, 2),
    warmup: positive("warmup", values.warmup, 0.7),
    idleStreams: positive("idle", values.idle, 10_000),
    floor,
    pin,
    cores: coresOf(pin),
    gates: values.gates ?? false,
    json: values.json,
    from: values.from,
    markdown: values.markdown,
  };
}

/** The options that make a run what it is, as they were typed: without those that only say where results go. */
export function commandText(argv) {
  const { tokens } = parseArgs({ args: argv, options: OPTIONS, tokens: true });
  const kept = tokens.filter(({ name }) => !["json", "from", "markdown"].includes(name));
  return ["node run.mjs", ...kept.map(({ rawName, value }) => (value === undefined ? rawName : `${rawName} ${value}`))].join(" ");
}

function contenderNames(list, contenders) {
  const names = list.split(",");
  for (const name of names) if (!(name in contenders)) throw new Error(`unknown contender ${name}: see --list`);
  return names;
}

function positive(name, text, fallback) {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} ${text}: expected a number above 0`);
  return value;
}
