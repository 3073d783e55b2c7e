/** `clusterts/admin`: asks nodes what they do, and takes them out of service. Every node answers, unless its option `admin` is false. */
export {
  type CallInFlight,
  type Link,
  type MethodLimit,
  type MethodTimes,
  Node,
  type NodeCalls,
  type StatusReply,
  type Traffic,
} from "../gen/clusterts/node.js";
