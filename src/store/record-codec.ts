/**
 * Records of the store as values: each kind of record has a codec beside the type that it is for. What another version
 * wrote, or what has another shape, counts as absent; it is made anew.
 */

export interface RecordCodec<T> {
  /** Counts up when the shape changes in a way that older or newer programs would misread. */
  readonly version: number;
  /** undefined for a value that is not of this kind; never throws. */
  readonly parse: (value: unknown) => T | undefined;
}

/** A codec for values that are kept as they are. @param isValue looks at everything that a reader relies on */
export const recordCodec = <T>(version: number, isValue: (value: unknown) => value is T): RecordCodec<T> => ({
  version,
  parse: (value) => (isValue(value) ? value : undefined),
});

/** What a record's file holds. */
export const formatRecord = (value: unknown, { version }: Pick<RecordCodec<unknown>, 'version'>): string =>
  `${JSON.stringify({ version, value })}\n`;

/** @param stored the JSON of a record; without a version it is of the first, which did not name it */
export function parseRecord<T>(stored: unknown, codec: RecordCodec<T>): T | undefined {
  const [version, value] = isEnvelope(stored) ? [stored.version, stored.value] : [1, stored];
  return version === codec.version ? codec.parse(value) : undefined;
}

interface Envelope {
  readonly version: unknown;
  readonly value: unknown;
}

const isEnvelope = (stored: unknown): stored is Envelope =>
  typeof stored === 'object' && stored !== null && Object.keys(stored).join() === 'version,value';
