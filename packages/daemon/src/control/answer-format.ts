// How an answer of the control API is written: as one JSON document, or as a stream where the client accepts one.

/** An error as clients get it. */
export interface AnswerError {
  readonly code: string;
  readonly message: string;
  readonly info: Readonly<Record<string, unknown>>;
}

export interface AnswerFormat {
  /** Its media type. */
  readonly type: string;
  /** Each throws what JSON refuses. Without progress there is one document. */
  readonly progress?: (value: unknown) => string;
  readonly result: (value: unknown) => string;
  readonly error: (error: AnswerError) => string;
  /** Says that the daemon is at work; absent with one document. */
  readonly alive?: string;
}

/** An answer that is text for who does not ask for JSON. */
export class TextAnswer {
  readonly value: unknown;
  readonly type: string;
  readonly text: string;

  constructor(value: unknown, type: string, text: string) {
    this.value = value;
    this.type = type;
    this.text = text;
  }
}

export const LINES_TYPE = 'application/x-ndjson';

export const DOCUMENT: AnswerFormat = {
  type: 'application/json',
  result: (value) => line(value ?? null),
  error: line,
};

export const LINES: AnswerFormat = {
  type: LINES_TYPE,
  progress: (value) => line({ progress: value ?? null }),
  result: (value) => line({ result: value ?? null }),
  error: (error) => line({ error }),
  alive: '\n',
};

/** For browsers (WHATWG HTML 9.2). An event `error` would be taken for a lost connection there. */
export const SERVER_SENT_EVENTS: AnswerFormat = {
  type: 'text/event-stream',
  progress: (value) => `data: ${line(value ?? null)}\n`,
  result: (value) => `event: result\ndata: ${line(value ?? null)}\n`,
  error: (error) => `event: failed\ndata: ${line(error)}\n`,
  alive: ':\n\n',
};

/** What a client accepts. */
export function formatOf(accept: string | undefined): AnswerFormat {
  const isAccepted = (format: AnswerFormat): boolean => accept?.includes(format.type) ?? false;
  return [LINES, SERVER_SENT_EVENTS].find(isAccepted) ?? DOCUMENT;
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
