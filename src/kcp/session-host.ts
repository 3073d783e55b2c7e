/** What joins a session to the socket that carries it. */
import type { Farewell } from "./afterlife.js";
import type { Conversation } from "./conversation.js";

/** What a session asks of the socket that it shares with others. */
export interface SessionHost {
  /** Something was written or read: look what can be sent. */
  touch(conversation: Conversation): void;
  /** The session is over. */
  leave(conversation: Conversation, farewell: Farewell): void;
}
