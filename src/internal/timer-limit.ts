/** The longest delay of a timer, about 24 days: `setTimeout` fires at once above it. Durations that users give are bounded by it. */
export const MAX_TIMER_MS = 2 ** 31 - 1;
