/** The ring of buffers between two threads, both ends held by this one. */
import { describe, expect, it } from 'vitest';
import { createRing, ringReader, RingClosed, ringWriter } from '../../../src/system/thread/ring.ts';

function pair() {
  const ring = createRing();
  return { writer: ringWriter(ring), reader: ringReader(ring) };
}

describe('a ring', () => {
  it('hands slots over in order, also when it has gone round many times', () => {
    const { writer, reader } = pair();
    const read: string[] = [];
    for (let at = 0; at < 100; at++) {
      for (const part of ['a', 'b', 'c']) {
        const text = `${at}${part}`;
        writer.room().set(Buffer.from(text));
        writer.commit(at % 2, text.length);
      }
      for (let count = 0; count < 3; count++) {
        const { kind, bytes } = reader.take();
        read.push(`${kind} ${Buffer.from(bytes).toString()}`);
        reader.release();
      }
    }
    expect(read).toEqual(
      Array.from({ length: 100 }, (_, at) => ['a', 'b', 'c'].map((part) => `${at % 2} ${at}${part}`)).flat(),
    );
  });

  it('does not give a slot to the writer while its reader has it', () => {
    const { writer, reader } = pair();
    writer.room().fill(1);
    writer.commit(0, 8);
    const { bytes } = reader.take();
    for (let count = 1; count < 16; count++) {
      writer.room().fill(2);
      writer.commit(0, 8);
    }
    expect([...bytes]).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
  });

  it('tells the writer that the reader has gone, even when it is full', () => {
    const { writer, reader } = pair();
    for (let count = 0; count < 16; count++) writer.commit(0, writer.room().length);
    reader.close();
    expect(() => writer.room()).toThrow(RingClosed);
  });
});
