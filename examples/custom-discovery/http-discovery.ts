/** Members as JSON behind a URL. All there is to write: the library has the cache, the diff and the retries. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Discovery, type Member, parseAnyAddress } from "clusterts";

type Row = Omit<Member, "address" | "incarnation"> & { address: string };

export function httpDiscovery(url: string, everyMs = 1_000): Discovery {
  return {
    async *watch(signal) {
      for (;;) {
        const response = await fetch(url, { signal });
        if (!response.ok) throw new Error(`${url} answers ${response.status}`); // told once, tried again with back-off
        const rows = (await response.json()) as Row[];
        yield { type: "snapshot", members: rows.map((row) => ({ ...row, address: parseAnyAddress(row.address) })) };
        await sleep(everyMs, undefined, { signal });
      }
    },
  };
}
