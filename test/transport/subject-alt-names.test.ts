import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import fc from "fast-check";
import { parseSubjectAltNames, urisOf } from "../../src/transport/subject-alt-names.js";
import { keyPair } from "../support/certificates.js";

/** How Node.js writes a name: as it is, or as JSON when there is anything in it that could be taken for something else. */
function written(type: string, value: string): string {
  const isSafe = /^[\x20-\x7e]*$/.test(value) && !/[",\\']/.test(value);
  return `${type}:${isSafe ? value : JSON.stringify(value).replaceAll(",", "\\u002c")}`;
}

suite("subject alternative names", () => {
  test("any names of any types, come back as they were, and their URIs are theirs alone", () => {
    const type = fc.constantFrom("DNS", "URI", "IP Address", "email", "DirName", "Registered ID", "othername");
    const value = fc.oneof(
      fc.string(),
      fc.constantFrom("a, URI:clusterts://default/1.2.3", 'x", URI:clusterts://default/1.2.3, DNS:"', "\\", ""),
    );
    fc.assert(
      fc.property(fc.array(fc.record({ type, value }, { noNullPrototype: true }), { maxLength: 6 }), (names) => {
        const line = names.map((name) => written(name.type, name.value)).join(", ");
        assert.deepEqual(parseSubjectAltNames(line), names);
        assert.deepEqual(
          urisOf(line),
          names.filter((name) => name.type === "URI").map((name) => name.value),
        );
      }),
    );
  });

  for (const line of [
    "URI",
    "URI:a,URI:b",
    "URI:a, ",
    ", URI:a",
    'URI:"a',
    'URI:"a"b',
    'URI:"\\x"',
    "URI:a\\b",
    "URI:a, b",
    ":a",
    'DNS:a"b, URI:c',
  ]) {
    test(`${line}, is no such list: none of it is believed`, () => {
      assert.equal(parseSubjectAltNames(line), undefined);
      assert.deepEqual(urisOf(line), []);
    });
  }

  test("what this Node.js makes of a DNS name that looks like two names, is one", () => {
    const { subjectAltName } = new X509Certificate(keyPair("injected").cert);
    assert.ok(subjectAltName?.includes("clusterts://default/1.2.1"));
    assert.deepEqual(parseSubjectAltNames(subjectAltName ?? ""), [{ type: "DNS", value: "a, URI:clusterts://default/1.2.1" }]);
    assert.deepEqual(urisOf(subjectAltName), []);
  });

  test("a certificate with several, has them all", () => {
    assert.deepEqual(urisOf(new X509Certificate(keyPair("group-1").cert).subjectAltName), [
      "clusterts://default/1.*.*",
      "clusterts://blue/1.2.*",
    ]);
    assert.deepEqual(urisOf(new X509Certificate(keyPair("no-names").cert).subjectAltName), []);
  });
});
