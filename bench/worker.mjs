// One role of one contender in this process: node worker.mjs <role> <json opts>
const [role, json] = process.argv.slice(2);
const o = JSON.parse(json);
const say = (kind, v) => process.stdout.write(`${kind} ${JSON.stringify(v)}\n`);
process.on("SIGUSR2", () => globalThis.gc?.());
process.stdin.on("end", () => process.exit(0)).resume(); // the runner went away
const mod = await import(`./contenders/${o.module}.mjs`);

if (role === "server") {
  const s = await mod.startServer(o);
  say("READY", { port: s?.port ?? o.port });
} else if (role === "relay") {
  // a contender's own relay, else an application-level one: a server whose handler calls on
  if (mod.startRelay) await mod.startRelay(o);
  else {
    const up = await mod.connect({ ...o, role: "relay", port: o.upstreamPort });
    await mod.startServer({ ...o, role: "relay", handler: (p) => up.call(p) });
  }
  say("READY", { port: o.port });
} else if (role === "client") {
  const { SCENARIOS } = await import("./scenarios.mjs");
  const sc = SCENARIOS[o.scenario];
  const c = await mod.connect(o);
  if (!c[sc.needs]) say("RESULT", { skip: true });
  else {
    try {
      say("RESULT", await sc.run(c, o));
    } catch (e) {
      say("RESULT", { error: String(e?.stack ?? e).slice(0, 500) });
    }
  }
  setTimeout(() => process.exit(0), 50);
}
