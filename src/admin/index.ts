/** `clusterts/admin`: asks nodes what they do, and takes them out of service. Every node answers, unless its option `admin` is false. */
export {
  Admin,
  type AdminCalls,
  type CallInFlight,
  type Link,
  type MethodLimit,
  type MethodTimes,
  type PingReply,
  type StatusReply,
  type Traffic,
} from "../gen/clusterts/admin.js";
