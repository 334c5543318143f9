import { expect, it } from 'vitest';
import { AlprootError, errnoOf } from '../../../src/core/errors.ts';
import { hostFailure } from '../../../src/core/file-error.ts';

it.each([
  [-122, 'EDQUOT'],
  [-116, 'ESTALE'],
])('errno %i, which Node has no name for, is known as %s and is not a bug of alproot', (errno, name) => {
  const error = Object.assign(new Error('Unknown system error'), {
    errno,
    code: `Unknown system error ${errno}`,
    syscall: 'mkdir',
    path: '/x',
  });
  expect(errnoOf(error)).toBe(name);
  expect(hostFailure(error)).toBeInstanceOf(AlprootError);
});
