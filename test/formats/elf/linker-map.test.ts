import { expect, it } from 'vitest';
import { parseLinkerMap } from '../../../src/formats/elf/linker-map.ts';

const MAP = `Archive member included to satisfy reference by file (symbol)

/usr/lib/libc.a(printf.lo)    /tmp/main.o (printf)

Discarded input sections

 .text          0x0000000000000000       0x40 /tmp/unused.o

Linker script and memory map

LOAD /tmp/main.o
                [!provide]                     PROVIDE (__executable_start = SEGMENT_START ("text-segment", 0x400000))

.text           0x0000000000401000      0x130
 *(.text.unlikely .text.*_unlikely .text.unlikely.*)
 .text          0x0000000000401000       0x2f /tmp/main.o
                0x0000000000401000                main
 *fill*         0x000000000040102f        0x1 
 .text.a_very_long_section_name
                0x0000000000401030       0x40 /usr/lib/libc.a(printf.lo)
 .text          0x0000000000401070        0x0 /usr/lib/libc.a(empty.lo)

.a_long_output_section_name
                0x0000000000402000       0x20
 .rodata.str1.1
                0x0000000000402000       0x10 /opt/with space/lib x.a(y z.o)
                                         0x1a (size before relaxing)
 COMMON         0x0000000000402010        0x8 /tmp/main.o

/DISCARD/
 *(.note.GNU-stack)
OUTPUT(hello elf64-x86-64)
`;

it('gives each piece that takes space, with its archive member', () => {
  expect(parseLinkerMap(MAP)).toEqual([
    { outputSection: '.text', section: '.text', file: '/tmp/main.o', member: undefined, sizeBytes: 0x2f },
    {
      outputSection: '.text',
      section: '.text.a_very_long_section_name',
      file: '/usr/lib/libc.a',
      member: 'printf.lo',
      sizeBytes: 0x40,
    },
    {
      outputSection: '.a_long_output_section_name',
      section: '.rodata.str1.1',
      file: '/opt/with space/lib x.a',
      member: 'y z.o',
      sizeBytes: 0x10,
    },
    {
      outputSection: '.a_long_output_section_name',
      section: 'COMMON',
      file: '/tmp/main.o',
      member: undefined,
      sizeBytes: 8,
    },
  ]);
});

it('text that is not a map is refused, with how to make one', () => {
  expect(() => parseLinkerMap('hello\n')).toThrow(
    expect.objectContaining({ code: 'ALP_FORMAT_TEXT', hint: expect.stringContaining('-Wl,-Map=') as string }),
  );
});
