/** One role of one contender in this process: `node worker.mjs <role> <json options>`. Started by the runner. */
const [role, json] = process.argv.slice(2);
const job = JSON.parse(json);
const say = (kind, value) => process.stdout.write(`${kind} ${JSON.stringify(value)}\n`);
process.on("SIGUSR2", () => globalThis.gc());
process.stdin.on("end", () => process.exit(0)).resume(); // the runner has gone, or wants us to end

const contender = await import(`./contenders/${job.module}.mjs`);
switch (role) {
  case "server":
    await contender.startServer(job);
    say("READY", { port: job.port });
    break;
  case "relay":
    await startRelay();
    say("READY", { port: job.port });
    break;
  case "client":
    say("RESULT", await load());
    break;
  default:
    throw new Error(`unknown role ${role}`);
}

/** The contender's own relay; without one, an application's: a server whose handler calls on. */
async function startRelay() {
  if (contender.startRelay !== undefined) return contender.startRelay(job);
  const { payloadOf } = await import("./scenarios/client.mjs");
  const upstream = await contender.connect({ ...job, port: job.upstreamPort });
  await contender.startServer({ ...job, handler: async (payload) => payloadOf(upstream, await upstream.call(payload)) });
}

async function load() {
  const { SCENARIOS } = await import("./scenarios/index.mjs");
  const scenario = SCENARIOS[job.scenario];
  try {
    const client = await contender.connect(job);
    return client[scenario.needs] === undefined ? { skip: true } : await scenario.run(client, job);
  } catch (error) {
    return { error: String(error?.stack ?? error).slice(0, 500) };
  }
}
