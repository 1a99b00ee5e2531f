// Files that appear with their whole content, or stay as they were, for their owner alone.
import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs';

export function writeWhole(file: string, text: string): void {
  const draft = `${file}.next`;
  const fd = openSync(draft, 'w', 0o600);
  try {
    writeFileSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(draft, file);
}
