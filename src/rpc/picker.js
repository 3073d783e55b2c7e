/** A target: a node of `type`, chosen by `policy` at each attempt, so that a retry after `notRun` reaches another one. */
export function byType(type, policy = "random") {
  return { type, policy };
}
