import assert from "node:assert/strict";
import { commandText, parseCommandLine } from "../lib/command-line.mjs";
import { coresOf } from "../lib/launch.mjs";

suite("command line", () => {
  test("the first letter of scenarios stands for all of them", () => {
    assert.deepEqual(parseCommandLine(["--scenario", "B,A"]).scenarios, ["B64", "B512", "A"]);
  });

  test("names that there are not, and numbers that are none, are refused", () => {
    assert.throws(() => parseCommandLine(["--only", "floor-raw,nobody"]), /unknown contender nobody/);
    assert.throws(() => parseCommandLine(["--scenario", "Z"]), /unknown scenario Z/);
    assert.throws(() => parseCommandLine(["--rounds", "x"]), /--rounds x/);
    assert.throws(() => parseCommandLine(["--pin", "left"]), /--pin left/);
    assert.throws(() => parseCommandLine(["--rouns", "3"]), /rouns/);
  });

  test("gates take five rounds and half of the cores for each end, unless told otherwise", () => {
    const plain = parseCommandLine(["--gates"]);
    assert.deepEqual([plain.rounds, plain.pin], [5, "halves"]);
    const told = parseCommandLine(["--gates", "--rounds", "2", "--pin", "split"]);
    assert.deepEqual([told.rounds, told.cores], [2, { server: "0", client: "1" }]);
  });

  test("cores may be given as ranges", () => {
    assert.deepEqual(coresOf("0-3,4-7"), { server: "0-3", client: "4-7" });
  });

  test("the text of a command leaves out where its results go", () => {
    const argv = ["--only", "a", "--markdown", "results.md", "--gates", "--json", "x"];
    assert.equal(commandText(argv), "node run.mjs --only a --gates");
  });
});
