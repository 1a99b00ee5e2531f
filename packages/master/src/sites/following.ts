// What is asked for while something else is at work: it follows once, however often it is asked for.

export class Following<R> {
  readonly #act: () => Promise<R>;
  #following: Promise<R> | undefined;

  constructor(act: () => Promise<R>) {
    this.#act = act;
  }

  /** The one that follows what is at work: the same for all that ask until it begins. */
  behind(atWork: Promise<unknown>): Promise<R> {
    this.#following ??= atWork.then(async () => {
      this.#following = undefined;
      return await this.#act();
    });
    return this.#following;
  }
}
