/** What a listener or a dialed session has counted since it began. */

export interface KcpCounters {
  datagramsIn: number;
  bytesIn: number;
  datagramsOut: number;
  bytesOut: number;
  /** Datagrams that are no segments of one conversation, or acknowledge what was never sent. */
  malformed: number;
  /** Datagrams that belong to no session and cannot open one. */
  unknown: number;
  /** Segments beyond what the receive window had room for. */
  beyondWindow: number;
  /** Answers of one segment to datagrams of sessions that are not there (any more). */
  answers: number;
  /** Sends that the system refused. */
  sendErrors: number;
  /** Segments sent more than once, by sessions that have ended. */
  retransmissions: number;
  /** Sessions handed to the application. */
  sessions: number;
  /** Sessions refused: too many in all, from one host, or without a proved address. */
  refusedSessions: number;
  refusedPerHost: number;
  refusedUnproven: number;
  /** Sessions that ended with an error. */
  failed: number;
}

export function newCounters(): KcpCounters {
  return {
    datagramsIn: 0,
    bytesIn: 0,
    datagramsOut: 0,
    bytesOut: 0,
    malformed: 0,
    unknown: 0,
    beyondWindow: 0,
    answers: 0,
    sendErrors: 0,
    retransmissions: 0,
    sessions: 0,
    refusedSessions: 0,
    refusedPerHost: 0,
    refusedUnproven: 0,
    failed: 0,
  };
}
