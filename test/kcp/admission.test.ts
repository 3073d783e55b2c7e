import assert from "node:assert/strict";
import { hostKey } from "../../src/internal/host-key.js";
import { Admission } from "../../src/kcp/admission.js";

suite("KCP admission", () => {
  test("limits in all, per host and of unproven peers, each refuses, and leaving makes room", () => {
    const admission = new Admission({ maxSessions: 4, maxSessionsPerHost: 2, maxUnprovenSessions: 3 });
    assert.equal(admission.enter("10.0.0.1"), undefined);
    assert.equal(admission.enter("10.0.0.1"), undefined);
    assert.equal(admission.enter("10.0.0.1"), "host");
    assert.equal(admission.enter("10.0.0.2"), undefined);
    assert.equal(admission.enter("10.0.0.3"), "unproven");
    admission.proven();
    assert.equal(admission.enter("10.0.0.3"), undefined);
    admission.proven();
    assert.equal(admission.enter("10.0.0.4"), "sessions");
    admission.leave("10.0.0.1", true);
    assert.equal(admission.enter("10.0.0.1"), undefined);
  });

  test("everybody has left, nothing is kept of them", () => {
    const admission = new Admission({ maxSessions: 4, maxSessionsPerHost: 2, maxUnprovenSessions: 4 });
    admission.enter("10.0.0.1");
    admission.enter("::1");
    admission.proven();
    admission.leave("10.0.0.1", true);
    admission.leave("::1", false);
    assert.deepEqual([admission.sessions, admission.unproven, admission.hosts], [0, 0, 0]);
  });

  test("addresses of one IPv6 network of 64 bits, are one host; an IPv4 address in IPv6 clothes is itself", () => {
    assert.equal(hostKey("2001:db8:0:1:aaaa::1"), hostKey("2001:DB8::1:0:0:0:2"));
    assert.notEqual(hostKey("2001:db8:0:1::1"), hostKey("2001:db8:0:2::1"));
    assert.equal(hostKey("2001:db8::1"), "2001:db8:0:0::/64");
    assert.equal(hostKey("fe80::1%eth0"), hostKey("fe80::2"));
    assert.equal(hostKey("64:ff9b::10.0.0.1"), "64:ff9b:0:0::/64");
    assert.equal(hostKey("::ffff:10.0.0.1"), "10.0.0.1");
  });
});
