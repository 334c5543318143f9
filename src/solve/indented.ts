/**
 * Text in apk's manner: a label, then words that are wrapped at the width of the terminal and aligned behind
 * the label.
 *
 * @see apk-tools 3.0 src/print.c apk_print_indented
 */

/** apk's width where there is no terminal. */
export const DEFAULT_WIDTH = 50;

export interface IndentedText {
  /** A whole line. */
  readonly line: (text: string) => void;
  /** Starts a group of words; without `indent` they are aligned behind `label`. */
  readonly group: (label: string, indent?: number) => void;
  readonly word: (text: string) => void;
  /** Ends the group, if any word or label was written. */
  readonly end: () => void;
  readonly isOpen: () => boolean;
  readonly lines: () => readonly string[];
}

export function createIndentedText(width = DEFAULT_WIDTH): IndentedText {
  const lines: string[] = [];
  let text = '';
  let column = 0;
  let indent = 0;
  const end = (): void => {
    if (column > 0) lines.push(text);
    text = '';
    column = 0;
    indent = 0;
  };
  return {
    line: (whole) => {
      lines.push(whole);
      text = '';
      column = 0;
      indent = 0;
    },
    group: (label, fixed) => {
      if (label.endsWith('\n')) {
        lines.push(label.slice(0, -1));
        column = 0;
        indent = fixed ?? label.length;
        return;
      }
      text = label;
      column = label.length;
      indent = fixed ?? column + 1;
    },
    word: (word) => {
      if (column <= indent) {
        text += `${' '.repeat(indent - column)}${word}`;
        column = indent + word.length;
      } else if (column + word.length + 1 >= width) {
        lines.push(text);
        text = `${' '.repeat(indent)}${word}`;
        column = text.length;
      } else {
        text += ` ${word}`;
        column += word.length + 1;
      }
    },
    end,
    isOpen: () => column > 0,
    lines: () => lines,
  };
}
