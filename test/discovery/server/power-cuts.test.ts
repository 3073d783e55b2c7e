import assert from "node:assert/strict";
import { Journal } from "../../../src/discovery/server/journal.js";
import { type DiskImage, PowerCutDisk } from "./support/power-cut-disk.js";
import { PATH, type Run, stateOf, write } from "./support/workload.js";

const SEEDS = 6;
const ROUNDS = 24;

/** What is on a disk after a power cut must be what was acknowledged, or one write more. */
async function assertRecovers(image: DiskImage, run: Run, what: string): Promise<void> {
  const { contents, problems } = await Journal.open({ files: new PowerCutDisk(image), path: PATH, newEpoch: "another" });
  if (run.acknowledged < 0) return; // it had not even begun: nobody was told anything
  assert.deepEqual(problems, [], what);
  const found = stateOf(contents);
  const index = run.states.lastIndexOf(found);
  assert.equal(
    index >= run.acknowledged,
    true,
    `${what}: found state ${index}, acknowledged was ${run.acknowledged} of ${run.states.length}`,
  );
  assert.equal(contents.revision > run.revision, true, `${what}: revisions go on from ${contents.revision}, ${run.revision} was told`);
}

suite("the store, when the power goes", () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    test(`at any operation of workload ${seed}, has all that was acknowledged and is never unreadable`, async () => {
      const whole = new PowerCutDisk();
      await write(whole, seed, ROUNDS);
      assert.ok(whole.operations > 40);
      for (let cutAt = 0; cutAt <= whole.operations; cutAt++) {
        const disk = new PowerCutDisk(new Map(), cutAt);
        const run = await write(disk, seed, ROUNDS);
        let number = 0;
        for (const image of disk.images()) await assertRecovers(image, run, `seed ${seed}, cut at ${cutAt}, image ${number++}`);
      }
    }).timeout(60_000);
  }

  test("at any operation while it is opened again after a power cut, loses nothing either", async () => {
    const before = new PowerCutDisk(new Map(), 60);
    const first = await write(before, 99, ROUNDS);
    const [, image] = before.images(); // with what was not synced, which may count as acknowledged from now on
    assert.ok(image !== undefined);
    const reference = await Journal.open({ files: new PowerCutDisk(image), path: PATH, newEpoch: "another" });
    const expected = stateOf(reference.contents);
    assert.ok(first.states.includes(expected));
    const whole = new PowerCutDisk(image);
    await Journal.open({ files: whole, path: PATH, newEpoch: "another" });
    for (let cutAt = 0; cutAt < whole.operations; cutAt++) {
      const disk = new PowerCutDisk(image, cutAt);
      await assert.rejects(Journal.open({ files: disk, path: PATH, newEpoch: "another" }), { name: "PowerCut" });
      for (const left of disk.images()) {
        const { contents, problems } = await Journal.open({ files: new PowerCutDisk(left), path: PATH, newEpoch: "another" });
        assert.deepEqual([stateOf(contents), problems], [expected, []]);
      }
    }
  });

  test("many writes at once, share a sync", async () => {
    const disk = new PowerCutDisk();
    const { states } = await write(disk, 7, 50);
    const writes = states.length - 1;
    assert.ok(writes <= 50, `${writes} batches for 50 bursts`);
  });
});
