/** What every discovery must do, as checks that any test runner can run: `for (const { name, run } of discoveryContract(hooks)) test(name, run);` */
import type { LogicalAddress } from "../../addr/logical-address.js";
import type { Discovery, Member } from "../../discovery/discovery.js";
import type { KeyValue } from "../../discovery/key-value.js";
import { addKeyValueChecks } from "./key-value-checks.js";
import { addRegistrationChecks } from "./registration-checks.js";
import { Scene } from "./scene.js";
import { addWatchChecks } from "./watch-checks.js";

/** How the checks reach the store behind the adapter. */
export interface DiscoveryContractHooks {
  /** An adapter on a store without members and keys. Called once per check; the other hooks mean the store of the last call. */
  create(): Discovery | Promise<Discovery>;
  /** Adds or replaces a member in the store, not through the adapter. */
  put(member: Member): Promise<void>;
  remove(address: LogicalAddress): Promise<void>;
  /** Makes the store lose a registered entry, as when its lease ends. Without it the checks of `lost` are left out. */
  lose?(address: LogicalAddress): Promise<void>;
  /** Makes the store lose everything. Without it the check of `storeEpoch` is left out. */
  wipe?(): Promise<void>;
  /** Called after each check, passed or failed. */
  destroy?(): Promise<void>;
  /** Whether the adapter has `register`: the checks of it are left out otherwise. Default false. */
  registers?: boolean | undefined;
  /** The keys and values of the store, where it has any: the checks of them are left out otherwise. */
  keyValue?(): KeyValue;
  /** Milliseconds in which a change must show. Default `5_000`. */
  timeoutMs?: number | undefined;
}

export interface ContractCheck {
  /** The situation, then the outcome. */
  readonly name: string;
  /** Rejects with an AssertionError, or with an error that says what was waited for in vain. */
  run(): Promise<void>;
}

/** Adds one check, with everything that it opens ended after it. */
export type AddCheck = (name: string, body: (scene: Scene) => Promise<void>) => void;

const DEFAULT_TIMEOUT_MS = 5_000;

/** The checks. Each is independent of the others and needs no clock but the real one. */
export function discoveryContract(hooks: DiscoveryContractHooks): ContractCheck[] {
  const checks: ContractCheck[] = [];
  const check: AddCheck = (name, body) => {
    checks.push({ name, run: () => runCheck(hooks, body) });
  };
  addWatchChecks(check, hooks);
  if (hooks.registers) addRegistrationChecks(check, hooks);
  if (hooks.keyValue !== undefined) addKeyValueChecks(check, () => hooks.keyValue!());
  return checks;
}

async function runCheck(hooks: DiscoveryContractHooks, body: (scene: Scene) => Promise<void>): Promise<void> {
  const scene = new Scene(hooks.timeoutMs ?? DEFAULT_TIMEOUT_MS, await hooks.create());
  try {
    await body(scene);
  } finally {
    await scene.end();
    await hooks.destroy?.();
  }
}
