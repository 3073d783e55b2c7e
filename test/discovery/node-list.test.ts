import assert from "node:assert/strict";
import { parseAnyAddress } from "../../src/addr/logical-address.js";
import { parseNodeList } from "../../src/discovery/node-list.js";

const node = (fields: string): string => `{ "nodes": [\n{ ${fields} }\n] }`;

suite("node list", () => {
  test("every field, is read", () => {
    const text = node(
      '"address": "1.255.1", "endpoint": "[::1]:8011", "export": true, "available": false, "version": "1", "metadata": { "zone": "a" }',
    );
    assert.deepEqual(parseNodeList(`\uFEFF${text}`, "c.json"), [
      {
        address: parseAnyAddress("1.255.1"),
        endpoint: "[::1]:8011",
        export: true,
        available: false,
        version: "1",
        metadata: { zone: "a" },
      },
    ]);
  });

  test("no nodes, is a good list", () => {
    assert.deepEqual(parseNodeList('{ "nodes": [] }', "c.json"), []);
  });

  const faults: readonly (readonly [situation: string, text: string, message: string])[] = [
    ["an empty file", " \n", 'c.json:1:1: it is empty; without nodes it is { "nodes": [] }'],
    ["an array", "[]", "c.json:1:1: the file is an object in braces, got an array"],
    ["no nodes key", "{}", 'c.json:1:1: there is no "nodes"; without nodes it is { "nodes": [] }'],
    [
      "a misspelt list key",
      '{ "node": [] }',
      'c.json:1:3: the file has no "node"; did you mean "nodes"?; c.json:1:1: there is no "nodes"; without nodes it is { "nodes": [] }',
    ],
    [
      "a misspelt key",
      node('"address": "1.1.1", "endpiont": "h:1"'),
      'c.json:2:23: a node has no "endpiont"; did you mean "endpoint"?; c.json:2:1: this node has no "endpoint"',
    ],
    [
      "an unknown key",
      node('"address": "1.1.1", "endpoint": "h:1", "weight": 3'),
      'c.json:2:42: a node has no "weight"; it has address, endpoint, export, available, metadata, version',
    ],
    [
      "a key that is there twice",
      node('"address": "1.1.1", "endpoint": "h:1", "endpoint": "h:2"'),
      'c.json:2:42: "endpoint" is there twice',
    ],
    ["a node that is no object", '{ "nodes": ["1.1.1"] }', 'c.json:1:13: a node is an object in braces, got "1.1.1"'],
    ["a number for an address", node('"address": 1.1, "endpoint": "h:1"'), "c.json:2:14: address is a string, got 1.1"],
    [
      "an endpoint without a port",
      node('"address": "1.1.1", "endpoint": "h"'),
      'c.json:2:35: endpoint "h": expected host:port, as in 10.0.1.7:8011',
    ],
    ["port 0", node('"address": "1.1.1", "endpoint": "h:0"'), 'c.json:2:35: endpoint "h:0": port 0 cannot be dialed'],
    ["text for a flag", node('"address": "1.1.1", "endpoint": "h:1", "export": "yes"'), 'c.json:2:52: export is true or false, got "yes"'],
    [
      "a number in metadata",
      node('"address": "1.1.1", "endpoint": "h:1", "metadata": { "a": 1 }'),
      'c.json:2:61: metadata "a" is a string, got 1',
    ],
    [
      "an address that is listed twice",
      '{ "nodes": [\n{ "address": "1.1.1", "endpoint": "h:1" },\n{ "address": "1.1.1", "endpoint": "h:2" }\n] }',
      'c.json:3:14: "1.1.1" is listed twice, first in line 2',
    ],
    ["a comma too many", '{ "nodes": [\n  {},\n] }', "c.json:3:1: a comma before ] is too many"],
    ["a missing comma", '{ "nodes": [\n  {} {}\n] }', 'c.json:2:6: "{" is not expected here'],
    ["a comment", '{\n  // ours\n  "nodes": [] }', "c.json:2:3: comments are not allowed"],
    ["a file that was cut off", '{ "nodes": [\n  {}', "c.json:2:5: the file ends while a { or [ is still open"],
    ["a missing brace at the end", '{ "nodes": [\n]\n', "c.json:2:2: the file ends while a { or [ is still open"],
    ["nesting without end", "[".repeat(100_000), "c.json:1:1: it is nested too deeply"],
  ];
  for (const [situation, text, message] of faults) {
    test(`${situation}, is told with its place`, () => {
      assert.throws(() => parseNodeList(text, "c.json"), { message });
    });
  }

  test("many faults, are told five at a time", () => {
    const text = `{ "nodes": [${Array.from({ length: 12 }, () => "1").join(",\n")}] }`;
    assert.throws(() => parseNodeList(text, "c.json"), /^Error: c\.json:1:13: .*; c\.json:5:1: [^;]*; and 7 more$/);
  });
});
