import { describe, expect, it } from 'vitest';
import { officialRepository } from '../../../src/formats/release/alpine-mirrors.ts';

describe('a repository URL', () => {
  it.each([
    ['https://dl-cdn.alpinelinux.org/alpine/v3.19/main', 'v3.19/main'],
    ['http://dl-3.alpinelinux.org/alpine/edge/testing', 'edge/testing'],
    ['http://nl.alpinelinux.org/alpine/latest-stable/community', 'latest-stable/community'],
    ['https://mirrors.aliyun.com/alpine/v3.9/main', 'v3.9/main'],
    ['https://Mirrors.USTC.edu.cn:443/alpine/v3.18/community', 'v3.18/community'],
    ['http://mirror.yandex.ru/mirrors/alpine/v3.17/main', 'v3.17/main'],
  ])('%s is one of Alpine', (location, path) => {
    const found = officialRepository(location);
    expect(`${found?.branch}/${found?.section}`).toBe(path);
  });

  it.each([
    'https://nginx.org/packages/alpine/v3.19/main',
    'https://alpinelinux.org.example.com/alpine/v3.19/main',
    'https://evil-alpinelinux.org/alpine/v3.19/main',
    'https://mirrors.aliyun.com@example.com/alpine/v3.19/main',
    'https://mirrors.aliyun.com/other/v3.19/main',
    '/alpine/v3.19/main',
    'https://dl-cdn.alpinelinux.org/alpine/v3.19/main?x=/alpine/v3.19/main',
  ])('%s is not', (location) => {
    expect(officialRepository(location)).toBeUndefined();
  });
});
