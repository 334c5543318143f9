/** Why a row cannot be run here. */
export class Skipped extends Error {}
