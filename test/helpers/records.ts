/** Records of tests that are about the store, not about what its records hold. */
import type { RecordCodec } from '../../src/store/record-codec.ts';

export const ANY_RECORD: RecordCodec<unknown> = { version: 1, parse: (value) => value };
