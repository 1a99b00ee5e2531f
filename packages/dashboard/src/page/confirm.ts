// A question before anything is changed, and the outcome.
import { html, useEffect, useRef, useState } from './vendor/preact.js';
import type { VNode } from './vendor/preact.js';

export interface Question {
  readonly title: string;
  readonly text: string;
  /** What the button says that does it. */
  readonly yes: string;
  /** It takes something away. */
  readonly isHarsh?: boolean;
  /** It also takes a number, which begins as this. */
  readonly count?: number;
  readonly onYes: (count: number) => void;
}

/** The outcome of an order. */
export interface Notice {
  readonly text: string;
  readonly isBad: boolean;
}

export function Confirm({ question, onClose }: { question: Question; onClose: () => void }): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  const [count, setCount] = useState(String(question.count ?? 1));
  useEffect(() => dialog.current?.showModal(), []);
  const wanted = Number(count);
  const isValid = Number.isInteger(wanted) && wanted >= 1 && wanted <= COUNT_MAX;
  const answer = (): void => {
    if (!isValid) return;
    dialog.current?.close();
    question.onYes(wanted);
  };
  return html`<dialog ref=${dialog} aria-labelledby="question" onClose=${onClose}>
    <h2 id="question">${question.title}</h2>
    <p>${question.text}</p>
    ${
      question.count === undefined
        ? undefined
        : html`<label class="field"
            >Workers
            <input
              type="number"
              min="1"
              max=${COUNT_MAX}
              value=${count}
              autofocus
              onInput=${(event: InputEvent) => setCount((event.target as HTMLInputElement).value)}
              onKeyDown=${(event: KeyboardEvent) => event.key === 'Enter' && answer()}
            />
          </label>`
    }
    <div class="buttons">
      <button type="button" onClick=${() => dialog.current?.close()}>Cancel</button>
      <button
        type="button"
        class=${question.isHarsh === true ? 'harsh' : 'primary'}
        disabled=${!isValid}
        onClick=${answer}
      >
        ${question.yes}
      </button>
    </div>
  </dialog>`;
}

const COUNT_MAX = 1_024;
