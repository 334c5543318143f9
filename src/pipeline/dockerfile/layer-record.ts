/** What the store records of a step's layer. */
import { isAbsentOr, isCount, isSha256Text, isShape } from '../../core/json-shape.ts';
import { isRecorded, type Recorded } from '../../ship/recording.ts';
import { recordCodec } from '../../store/record-codec.ts';

export interface LayerRecord {
  readonly sha256: string;
  readonly sizeBytes: number;
  /** What `apk` installed in the step. */
  readonly recorded?: Recorded;
}

export const LAYER_RECORD = recordCodec(
  1,
  isShape<LayerRecord>({ sha256: isSha256Text, sizeBytes: isCount, recorded: isAbsentOr(isRecorded) }),
);
