/** `clusterts/testing/discovery`: the checks that every discovery must pass, for adapters of your own. */
export { type ContractCheck, type DiscoveryContractHooks, discoveryContract } from "./contract.js";
