/** Something that `vhostd check` has found. */
export interface Finding {
  /** `error`: it will not run so. `warning`: it may. */
  readonly level: 'error' | 'warning';
  /** What it is about: `shop`, `port 80`, `Node`. */
  readonly subject: string;
  /** What is so. */
  readonly message: string;
  /** What to do. */
  readonly todo: string;
}
