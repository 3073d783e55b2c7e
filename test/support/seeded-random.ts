/** Chance that repeats, as the library's users get it too. */
export { SeededRandom } from "../../src/testing/seeded-random.js";
