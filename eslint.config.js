import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const doors = [
  { group: ['node:fs', 'node:fs/*', 'fs', 'fs/*'], message: 'the file system is reached through src/system/ only' },
  { group: ['node:child_process', 'child_process'], message: 'processes are started by src/system/ only' },
  {
    group: ['undici', 'node:http', 'node:https', 'node:net', 'node:tls', 'node:dgram', 'socks'],
    message: 'the network is reached through src/system/ only',
  },
];

const verifiedDoor = {
  selector: "TSAsExpression TSTypeReference[typeName.name='Verified']",
  message: 'only src/verify/ may say that something is verified',
};
const cliDoors = [
  { object: 'process', property: 'env', message: 'the environment is read in src/cli/ only' },
  { object: 'process', property: 'exit', message: 'only src/cli/ ends the process' },
];

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'rootfs-cache/'] },
  js.configs.recommended,
  ...tseslint.configs.strict,
  {
    languageOptions: { globals: { process: 'readonly', Buffer: 'readonly', URL: 'readonly', console: 'readonly' } },
    rules: {
      'no-undef': 'off',
      'no-control-regex': 'off',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-invalid-void-type': 'off',
      'no-restricted-syntax': ['error', verifiedDoor],
      'no-nested-ternary': 'error',
      'max-len': [
        'error',
        { code: 119, ignoreRegExpLiterals: true, ignoreStrings: true, ignoreTemplateLiterals: true },
      ],
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'max-len': ['error', { code: 119, ignoreRegExpLiterals: true }],
      'max-lines': ['error', 300],
      'max-lines-per-function': ['error', { max: 60, IIFEs: true }],
      'no-console': 'error',
      'no-restricted-imports': ['error', { patterns: doors }],
      'no-restricted-properties': ['error', ...cliDoors],
    },
  },
  { files: ['src/system/**/*.ts'], rules: { 'no-restricted-imports': 'off' } },
  // They run before anything else is loaded.
  { files: ['src/cli/start.ts', 'src/cli/code-cache.ts'], rules: { 'no-restricted-imports': 'off' } },
  { files: ['src/verify/**/*.ts'], rules: { 'no-restricted-syntax': 'off' } },
  { files: ['src/cli/**/*.ts'], rules: { 'no-restricted-properties': 'off' } },
  {
    files: ['test/**', 'bench/**', 'scripts/**', 'bin/**'],
    rules: {
      'no-restricted-syntax': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-require-imports': 'off',
    },
  },
);
