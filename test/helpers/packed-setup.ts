/** Once for a run, before its workers start: they inherit the variable that names the program. */
import { packedCommand } from './packed.ts';

export default function setup(): void {
  packedCommand();
}
