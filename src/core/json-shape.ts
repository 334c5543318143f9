/** Whether JSON that was read has the shape of a type: total, for values of any kind. */
import { isSha256Hex, type Sha256Hex } from './digest.ts';

export const isJsonObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** An object whose every named field is as its check wants it; other fields do not matter. */
export const isShape =
  <T>(checks: { readonly [K in keyof Required<T>]: (value: unknown) => boolean }) =>
  (value: unknown): value is T =>
    isJsonObject(value) &&
    Object.entries(checks).every(([key, check]) =>
      (check as (value: unknown) => boolean)(Object.hasOwn(value, key) ? value[key] : undefined),
    );

export const isText = (value: unknown): value is string => typeof value === 'string';

/** A whole number from 0. */
export const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

/** Any number from 0 that JSON can write. */
export const isAmount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0;

export const isSha256Text = (value: unknown): value is Sha256Hex => isText(value) && isSha256Hex(value);

export const isListOf =
  <T>(isItem: (value: unknown) => value is T) =>
  (value: unknown): value is T[] =>
    Array.isArray(value) && value.every(isItem);

export const isAbsentOr =
  <T>(isValue: (value: unknown) => value is T) =>
  (value: unknown): value is T | undefined =>
    value === undefined || isValue(value);
