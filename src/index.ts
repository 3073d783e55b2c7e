/** `clusterts`: the public API. Read top to bottom it is the table of contents. */
export {
  type AddressLike,
  type AddressText,
  addressGroup,
  addressId,
  addressType,
  formatAddress,
  harborAddress,
  isHarbor,
  type LogicalAddress,
  makeAddress,
  parseAddress,
  parseAnyAddress,
  tryParseAddress,
} from "./addr/logical-address.js";
export {
  type Code,
  type Execution,
  InvalidAddressError,
  InvalidOptionsError,
  RpcError,
  type RpcErrorOptions,
  StartError,
  type StartErrorCode,
} from "./errors.js";
