/** Why a row misses its goal, by id: shown in docs/benchmarks.md beside the figure for as long as it does. */
export const SHORTFALLS: Readonly<Record<string, string>> = {};
