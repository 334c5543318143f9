/** Signals that STOPSIGNAL may name. @see moby/sys/signal 0.7 `ParseSignal`, `SignalMap` of Linux */
const NAMES: ReadonlySet<string> = new Set(
  (
    'ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP ' +
    'TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX'
  ).split(' '),
);

/** By name, with or without SIG in any case, or by a number other than 0. */
export function isSignal(text: string): boolean {
  if (/^[+-]?\d+$/.test(text)) return Number(text) !== 0;
  const name = text.toUpperCase().replace(/^SIG/, '');
  if (NAMES.has(name)) return true;
  const [, end, distance = '0'] = /^RT(MIN\+|MAX-)([1-9]\d?)$/.exec(name) ?? [];
  return end === 'MIN+' ? Number(distance) <= 15 : end === 'MAX-' && Number(distance) <= 14;
}
