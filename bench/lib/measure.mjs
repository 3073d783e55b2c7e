/** One contender in one scenario: starts its processes, waits for the client's result, ends them all. */
import { SCENARIOS } from "../scenarios/index.mjs";
import { freePort, launch, launchRole, untilListening } from "./launch.mjs";

const HOST = "127.0.0.1";
const START_TIMEOUT_MS = 10_000;
const GRACE_MS = 25_000; // beyond the measured time: connecting, warm-up bursts, opening the idle streams

/**
 * @param contender its entry in `contenders/index.mjs`
 * @param options `seconds`, `warmup`, `idleStreams`, `cores`
 * @returns what the client reported: `{ value, ... }`, `{ skip: true }` when it does not offer this, or `{ error }`
 */
export async function measure(name, contender, scenarioName, options) {
  if (contender.scenarios !== undefined && !contender.scenarios.includes(scenarioName)) return { skip: true };
  const roles = [];
  try {
    return await run(roles, name, contender, scenarioName, options);
  } catch (error) {
    return { error: error.message.slice(0, 600) };
  } finally {
    for (const role of roles.reverse()) await role.kill();
  }
}

async function run(roles, name, contender, scenarioName, { seconds, warmup, idleStreams, cores }) {
  const scenario = SCENARIOS[scenarioName];
  const job = { ...contender.opts, ...jobOf(name, contender, scenarioName), seconds, warmup, idleStreams };
  const start = async (role, roleJob) => {
    const started = launchRole(role, roleJob, contender, { cores });
    roles.push(started);
    await started.wait("READY", START_TIMEOUT_MS);
    job.pids.push(started.pid);
  };

  let broker;
  if (contender.broker !== undefined) {
    job.brokerPort = await freePort();
    broker = launch(name, "broker", contender.broker.command, contender.broker.args(job.brokerPort), cores);
    roles.push(broker);
    await untilListening(job.brokerPort, START_TIMEOUT_MS);
  }
  job.port = job.serverPort = await freePort();
  job.clientPort = await freePort();
  job.relayPorts = scenario.relay ? [await freePort(), await freePort()] : [];
  await start("server", job);
  if (scenario.relay && !contender.brokerIsRelay) {
    for (let i = 0; i < (contender.relays ?? 1); i++) {
      await start("relay", { ...job, role: "relay", relayIndex: i, upstreamPort: job.serverPort, port: job.relayPorts[i] });
    }
    job.port = job.relayPorts[0];
    job.viaRelay = true;
  }
  if (broker !== undefined) job.pids.push(broker.pid);

  const client = launchRole("client", job, contender, { cores });
  roles.push(client);
  return client.wait("RESULT", (seconds + warmup) * 1000 + GRACE_MS);
}

/** What every role is told. The keys are the protocol with programs in other languages: see go-raw/bench.go. */
export function jobOf(name, contender, scenarioName) {
  const bytes = SCENARIOS[scenarioName].bytes === true;
  return { name, module: contender.module ?? name, scenario: scenarioName, bytes, host: HOST, pids: [] };
}
