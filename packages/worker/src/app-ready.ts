// `process.send('ready')`, by which apps tell PM2 that they are ready; here the worker itself listens for it. Everything
// else that an app sends goes its way.

export class AppReady {
  /** Resolves when the app has said so. */
  readonly said: Promise<void>;

  constructor() {
    let onReady: () => void = () => undefined;
    this.said = new Promise((resolve) => {
      onReady = resolve;
    });
    const untyped: object = process;
    const send: unknown = Reflect.get(untyped, 'send');
    if (typeof send !== 'function') return;
    Reflect.set(process, 'send', (message: unknown, ...rest: unknown[]): unknown => {
      if (message !== 'ready') return Reflect.apply(send, process, [message, ...rest]);
      onReady();
      const callback = rest.at(-1);
      if (typeof callback === 'function') process.nextTick(callback, null);
      return true;
    });
  }
}
