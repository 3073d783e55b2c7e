import { TlsTransport } from "../../src/transport/tls.js";
import { transportContract } from "../contract/transport.js";
import { certified, credentialsOf } from "../support/certificates.js";

transportContract("mutual TLS", () => ({
  dialer: new TlsTransport(credentialsOf(certified("1.2.1"))),
  listener: new TlsTransport(credentialsOf(certified("1.3.1"))),
  endpoint: { host: "127.0.0.1", port: 0 },
}));
